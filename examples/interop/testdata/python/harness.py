"""What every check stands on: one face for the sync and the asyncio client, waits that end, cleanup."""

import asyncio
import random

import socketio
from engineio.payload import Payload

WAIT = 15
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}

# The client refuses a poll with more than 16 packets; its documentation says to raise this number.
Payload.max_decode_packets = 10000


class Peer:
    """One client. Its methods are coroutines whichever client is behind them."""

    def __init__(self, setup, namespaces, reconnection):
        self.setup = setup
        self.loop = asyncio.get_running_loop()
        self.sync = setup.client == "sync"
        client = socketio.Client if self.sync else socketio.AsyncClient
        self.sio = client(
            reconnection=reconnection, reconnection_delay=0.05, randomization_factor=0, handle_sigint=False
        )
        self.namespaces = namespaces
        self.events = []
        self.changed = asyncio.Event()
        self.answers = {}
        for namespace in namespaces:
            self._listen(namespace)

    def _listen(self, namespace):
        def anything(event, *args):
            self._note(event, args)
            answer = self.answers.get(event)
            return answer(*args) if answer else None

        self.sio.on("*", anything, namespace=namespace)
        for event in ("connect", "disconnect", "connect_error"):
            self.sio.on(event, self._noting(event), namespace=namespace)

    def _noting(self, event):
        return lambda *args: self._note(event, args)

    def _note(self, event, args):
        """May be called from any thread."""

        def note():
            self.events.append((event, args))
            self.changed.set()

        self.loop.call_soon_threadsafe(note)

    async def _do(self, function, *args, **kwargs):
        if self.sync:
            return await asyncio.to_thread(function, *args, **kwargs)
        return await function(*args, **kwargs)

    async def connect(self, auth=None, headers=None, query="", wait=True):
        await self._do(
            self.sio.connect,
            self.setup.url + query,
            auth=auth,
            headers=headers or {},
            transports=TRANSPORTS[self.setup.transport],
            namespaces=self.namespaces,
            wait=wait,
            wait_timeout=WAIT,
        )

    async def emit(self, event, *args, namespace=None):
        await self._do(self.sio.emit, event, args, namespace=namespace or self.namespaces[0])

    async def ask(self, event, *args, namespace=None):
        """Emits with an acknowledgement; returns its argument, or a tuple of them."""
        return await self._do(self.sio.call, event, args, namespace=namespace or self.namespaces[0], timeout=WAIT)

    async def disconnect(self):
        await self._do(self.sio.disconnect)

    async def take(self, event, count=1, wait=WAIT):
        """Waits for count events of this name and returns their arguments; they are taken off the record."""
        loop_end = self.loop.time() + wait
        while len(self.seen(event)) < count:
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), loop_end - self.loop.time())
            except asyncio.TimeoutError:
                raise AssertionError(f"{event}: {len(self.seen(event))} of {count} within {wait} s") from None
        taken = self.seen(event)[:count]
        for args in taken:
            self.events.remove((event, args))
        return taken

    def seen(self, event):
        return [args for name, args in self.events if name == event]

    async def settle(self):
        """Returns when everything sent to this client so far has arrived: a round trip comes after it."""
        await self.ask("ack")
        await asyncio.sleep(0.1 if self.sync else 0)  # the sync client runs a thread for each event

    async def whoami(self, namespace=None):
        return await self.ask("whoami", namespace=namespace)

    async def clean_up(self):
        self.sio.reconnection = False
        await self._do(self.sio.shutdown)


class Harness:
    """Hands out peers to one check and ends them afterwards."""

    def __init__(self, setup):
        self.setup = setup
        self.sync = setup.client == "sync"
        self.transport = setup.transport
        self.peers = []

    def peer(self, *namespaces, reconnection=False):
        peer = Peer(self.setup, list(namespaces) or ["/"], reconnection)
        self.peers.append(peer)
        return peer

    async def connect(self, *namespaces, reconnection=False, **kwargs):
        peer = self.peer(*namespaces, reconnection=reconnection)
        await peer.connect(**kwargs)
        return peer

    def alone(self):
        """Returns a dynamic namespace that no other client uses at the same time."""
        return f"/dyn-{random.randrange(10**12)}"

    async def refused(self, namespace, **kwargs):
        """Connects, expects a refusal, returns what the client was told."""
        peer = self.peer(namespace)
        try:
            await peer.connect(**kwargs)
        except socketio.exceptions.ConnectionError:
            return (await peer.take("connect_error"))[0][0]
        raise AssertionError("connected, should have been refused")

    def in_order(self, values):
        """The sync client starts a thread for each event, so its handlers may run in any order."""
        return sorted(values) if self.sync else list(values)

    async def clean_up(self):
        for peer in self.peers:
            await peer.clean_up()


def equal(actual, expected, what=""):
    assert plain(actual) == plain(expected), f"{what} got {shorten(actual)}, want {shorten(expected)}".strip()


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return ("binary", bytes(value)) if isinstance(value, (bytes, bytearray)) else value


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"
