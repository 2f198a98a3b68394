"""The interop contract on python-socketio, as far as that goes: no dynamic namespaces, no volatile events, no recovery.

Prints one JSON line with the URLs, then serves until its stdin closes.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs

import engineio
import socketio
from aiohttp import web

ASK_TIMEOUT = 5
NAMESPACES = ["/", "/custom", "/auth", "/slow"]

# The default of 16 packets for a POST is less than clients send; the manual of the server says to raise it.
engineio.payload.Payload.max_decode_packets = 100_000


class Whole:
    """The body of a request. aiohttp's own read returns what has come so far, but engineio takes that for all of it."""

    def __init__(self, content):
        self.content = content

    async def read(self, length):
        return await self.content.readexactly(length)


def translate(request):
    environ = translate_request(request)
    environ["wsgi.input"] = Whole(environ["wsgi.input"])
    return environ


sio = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1, ping_timeout=20)
translate_request = sio.eio._async["translate_request"]
sio.eio._async["translate_request"] = translate
auths, values, numbers, words, ends = {}, {}, {}, {}, {}


def end_of(sid):
    return ends.setdefault(sid, asyncio.get_running_loop().create_future())


def others(sid, namespace):
    return sorted(room for room in sio.rooms(sid, namespace=namespace) if room != sid)


def serve(namespace):
    """Register everything with one namespace. A handler that awaits nothing runs in the order of the events."""

    def on(handler):
        name = handler.__name__.strip("_").replace("_", "-")
        sio.on(name, handler, namespace=namespace)

    async def emit(sid, event, *args):
        await sio.emit(event, args, to=sid, namespace=namespace)

    @on
    async def connect(sid, environ, auth=None):
        if namespace == "/slow":
            await asyncio.sleep(0.1)
        if namespace == "/auth" and (auth or {}).get("token") != "secret":
            raise socketio.exceptions.ConnectionRefusedError("not authorized", {"code": 401, "hint": "send the token"})
        auths[sid], numbers[sid] = auth, []
        # CONNECT is answered when this is over
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(emit(sid, "welcome", namespace)))

    @on
    async def disconnect(sid, reason):
        end_of(sid).set_result({"reason": reason, "left": [], "kept": []})

    @on
    async def echo(sid, *args):
        await emit(sid, "echo", *args)

    @on
    async def ack(sid, *args):
        return args

    async def question(sid, timeout, *args):
        try:
            answer = await sio.call("question", args, to=sid, namespace=namespace, timeout=timeout)
        except socketio.exceptions.TimeoutError:
            return await emit(sid, "answered", "timeout", None)
        await emit(sid, "answered", "", answer)

    @on
    async def ask(sid, *args):
        await question(sid, ASK_TIMEOUT, *args)

    @on
    async def ask_briefly(sid, ms):
        await question(sid, ms / 1000)

    @on
    async def whoami(sid):
        environ = sio.get_environ(sid, namespace)
        query = parse_qs(environ["QUERY_STRING"])
        return {
            "id": sid,
            "namespace": namespace,
            "transport": sio.transport(sid, namespace),
            "probe": environ.get("HTTP_X_PROBE", ""),
            "query": query.get("flavour", [""])[0],
            "auth": auths[sid] or {},
            "value": values.get(sid),
            "rooms": others(sid, namespace),
        }

    @on
    async def set_(sid, value):
        values[sid] = value

    @on
    async def burst(sid, count):
        for i in range(count):
            await emit(sid, "n", i)

    @on
    async def seq(sid, i):
        numbers[sid].append(i)

    @on
    async def seq_report(sid):
        seen = numbers[sid]
        return {"count": len(seen), "ordered": seen == list(range(len(seen)))}

    @on
    async def join(sid, rooms):
        for room in rooms:
            await sio.enter_room(sid, room, namespace=namespace)

    @on
    async def broadcast(sid, how, *args):
        skip = sid if how["via"] == "socket" else None
        await sio.emit("news", args, room=how.get("to"), skip_sid=skip, namespace=namespace)

    @on
    async def kick(sid, close):
        await leave(sid, close)

    @on
    async def farewell(sid, close):
        for i in range(5):
            await emit(sid, "n", i)
        await leave(sid, close)

    async def leave(sid, close):
        connection = sio.manager.eio_sid_from_sid(sid, namespace)
        await sio.disconnect(sid, namespace=namespace)
        if close:
            await sio.eio.disconnect(connection)

    @on
    async def drop(sid):
        await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, namespace))

    @on
    async def say(sid, key, word):
        words.setdefault(key, []).append(word)

    @on
    async def heard(sid, key):
        return words.get(key, [])

    @on
    async def end_of_(sid, other):
        return await asyncio.shield(end_of(other))


async def main():
    app = web.Application()
    sio.attach(app)
    for namespace in NAMESPACES:
        serve(namespace)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = "http://127.0.0.1:%d" % site._server.sockets[0].getsockname()[1]
    print(json.dumps({"url": url, "recovery": url}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await sio.shutdown()
    await runner.cleanup()


asyncio.run(main())
