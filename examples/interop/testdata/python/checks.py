"""The checks, under the names that the JavaScript driver uses for the same thing."""

import asyncio
import uuid

from harness import equal

CHECKS = []


def check(name, only=None):
    def register(function):
        CHECKS.append((name, function, only))
        return function

    return register


def final_transport(t):
    return "polling" if t.transport == "polling" else "websocket"


# --- basic: depends on how the server is mounted


@check("basic/connect")
async def basic_connect(t):
    a = await t.connect()
    who = await a.whoami()
    equal(who["id"], a.sio.get_sid())
    equal(who["transport"], final_transport(t))
    equal(a.sio.transport(), final_transport(t))


@check("basic/event, ack and binary")
async def basic_event(t):
    a = await t.connect()
    await a.emit("echo", "text", {"bytes": b"\x00\x01\xff"})
    equal(await a.take("echo"), [("text", {"bytes": b"\x00\x01\xff"})])
    equal(await a.ask("ack", 1, "two"), (1, "two"))


@check("basic/server asks")
async def basic_server_asks(t):
    a = await t.connect()
    a.answers["question"] = lambda value: value + 1
    await a.emit("ask", 41)
    equal(await a.take("answered"), [("", 42)])


@check("basic/large message")
async def basic_large(t):
    a = await t.connect()
    equal(await a.ask("ack", "x" * 100000), "x" * 100000)


# --- connect


@check("connect/auth object")
async def auth_object(t):
    auth = {"token": "secret", "nested": {"list": [1, "ü", None]}}
    a = await t.connect("/auth", auth=auth)
    equal((await a.whoami())["auth"], auth)


@check("connect/auth function")
async def auth_function(t):
    a = await t.connect("/auth", auth=lambda: {"token": "secret"})
    equal((await a.whoami())["auth"], {"token": "secret"})


@check("connect/query and headers")
async def query_and_headers(t):
    a = await t.connect(query="?flavour=vanille%20%26%20%C3%BC", headers={"x-probe": "here"})
    who = await a.whoami()
    xdomain = t.sync and t.transport == "websocket"  # its websocket library sends an Origin, that of the server
    equal([who["query"], who["probe"], who["xdomain"], who["secure"]], ["vanille & ü", "here", xdomain, False])


@check("connect/MI1 refused by middleware with data")
async def refused_by_middleware(t):
    told = await t.refused("/auth", auth={"token": "wrong"})
    equal(told, {"message": "not authorized", "data": {"code": 401, "hint": "send the token"}})


@check("connect/N8 unknown namespace")
async def unknown_namespace(t):
    equal(await t.refused("/nowhere"), {"message": "Invalid namespace"})


@check("connect/a refused namespace leaves the others alone")
async def refused_leaves_others(t):
    a = t.peer("/", "/nowhere")
    await a.connect(wait=False)
    await a.take("connect")
    await a.take("connect_error")
    equal(await a.ask("ack", 1), 1)


@check("connect/custom namespace")
async def custom_namespace(t):
    a = await t.connect("/custom")
    equal(await a.take("welcome"), [("/custom",)])
    equal((await a.whoami())["namespace"], "/custom")


@check("connect/N17 dynamic namespace by regular expression")
async def dynamic_namespace(t):
    a = await t.connect("/dyn-101")
    who = await a.whoami()
    equal([who["namespace"], who["checked"]], ["/dyn-101", True])
    equal(await t.refused("/dyn-x"), {"message": "Invalid namespace"})


@check("connect/N17 dynamic namespace by function")
async def guarded_namespace(t):
    a = await t.connect("/fn-room", auth={"key": "open"})
    equal((await a.whoami())["namespace"], "/fn-room")
    equal(await t.refused("/fn-room2", auth={"key": "shut"}), {"message": "Invalid namespace"})


@check("connect/N17 the parent of dynamic namespaces reaches all children")
async def family(t):
    a, b = await t.connect(t.alone()), await t.connect(t.alone())
    word = str(uuid.uuid4())  # others use the same parent
    await a.emit("family", word)
    for peer in (a, b):
        while (await peer.take("family"))[0] != (word,):
            pass


@check("connect/several namespaces over one connection")
async def several_namespaces(t):
    spaces = ["/", "/custom", "/dyn-1", "/dyn-2", "/slow"]
    a = await t.connect(*spaces)
    who = [await a.whoami(namespace=space) for space in spaces]
    equal([w["namespace"] for w in who], spaces)
    equal(len({w["id"] for w in who}), 5, "one id each")
    await a.emit("kick", False, namespace="/custom")
    await a.take("disconnect")
    equal(await a.ask("ack", "still", namespace="/dyn-1"), "still")


# --- events

VALUES = {
    "no arguments": (),
    "numbers": (0, -1, 1.5, 1e21, 1e-7, 9007199254740991),
    "strings and unicode": ("", "日本語", "🚀 é \u2028 \u0000 \" \\ \n", "<&>"),
    "booleans and null": (True, False, None),
    "arrays": ([], [1, [2, [3, [None]]]]),
    "objects": ({}, {"a": {"b": {"c": [1, {"d": "e"}]}}, "ключ": True}),
    "many arguments": tuple(range(40)),
    "nested binary": (b"\x01\x02\x03", {"deep": [{"er": b"bytes"}, "text"], "empty": b"", "none": None}),
    "large text": ("ü€" * 40000,),
    "large binary": (b"\x07" * 200000,),
}


def there_and_back(args):
    async def run(t):
        a = await t.connect()
        await a.emit("echo", *args)
        equal(await a.take("echo"), [args])

    return run


def in_an_ack(args):
    async def run(t):
        a = await t.connect()
        got = await a.ask("ack", *args)
        equal(got, None if not args else args[0] if len(args) == 1 else args)

    return run


for what, values in VALUES.items():
    check(f"events/SO1 {what} there and back")(there_and_back(values))
    check(f"events/SO6 {what} in an ack")(in_an_ack(values))


@check("events/SO2 send is message")
async def send_is_message(t):
    a = await t.connect()
    await a._do(a.sio.send, "hello")
    await a.settle()
    equal((await a.ask("any-report"))["in"][:1], ["message"])


@check("events/the server asks, the client answers")
async def server_asks(t):
    a = await t.connect()
    a.answers["question"] = lambda x, y: {"got": [x, y], "bytes": b"\x04"}
    await a.emit("ask", "tea", {"or": b"\x05"})
    equal(await a.take("answered"), [("", {"got": ["tea", {"or": b"\x05"}], "bytes": b"\x04"})])


@check("events/1000 from the client stay in order")
async def thousand_up(t):
    a = await t.connect()
    for i in range(1000):
        await a.emit("seq", i)
    equal(await a.ask("seq-report"), {"count": 1000, "ordered": True})


@check("events/1000 from the server stay in order")
async def thousand_down(t):
    a = await t.connect()
    await a.emit("burst", 1000)
    got = [args[0] for args in await a.take("n", 1000, wait=30)]
    equal(t.in_order(got), list(range(1000)))


@check("events/catch-all on the server, both directions")
async def catch_all(t):
    a = await t.connect()
    await a.emit("nobody-handles-this", 1)
    await a.emit("echo", 2)
    await a.take("echo")
    names = await a.ask("any-report")
    equal(names["in"], ["nobody-handles-this", "echo", "any-report"])
    equal(names["out"], ["welcome", "echo"])


@check("events/N11 volatile from the server arrives when the line is free")
async def volatile(t):
    a = await t.connect()
    for _ in range(50):
        await a.emit("volatile", "now")
        await a.settle()
        if a.seen("volatile"):
            break
    equal(a.seen("volatile")[:1], [("now",)])


@check("events/SO5 volatile never harms what is around it")
async def mixed(t):
    a = await t.connect()
    await a.emit("mixed")
    await a.settle()
    got = [args[0] for args in a.seen("mixed") if args[0] != "volatile"]
    equal(t.in_order(got), t.in_order(["first", "last"]))


@check("events/fifty questions at once get their own answers")
async def fifty_questions(t):
    a = await t.connect()
    got = await asyncio.gather(*(a.ask("ack", i) for i in range(50)))
    equal(got, list(range(50)))


# --- rooms


async def three(t, namespace="/custom"):
    peers = [await t.connect(namespace) for _ in range(3)]
    room = f"room-{peers[0].sio.get_sid(namespace)}"
    for peer in peers:
        await peer.ask("join", [room])
    return peers, room


async def news(peers, how, *args):
    await peers[0].ask("broadcast", how, *args)
    for peer in peers:
        await peer.settle()
    return [peer.seen("news") for peer in peers]


@check("rooms/join, leave and the own rooms")
async def own_rooms(t):
    a = await t.connect()
    await a.ask("join", ["a", "b"])
    await a.ask("leave", "a")
    await a.ask("leave", "never-joined")
    equal((await a.whoami())["rooms"], ["b"])


@check("rooms/MM1 everyone in the namespace, nobody outside")
async def whole_namespace(t):
    peers, _ = await three(t, t.alone())
    peers.append(await t.connect(t.alone()))
    equal(await news(peers, {"via": "server"}, 1, "two"), [[(1, "two")]] * 3 + [[]])


@check("rooms/MM2 a socket's broadcast spares the sender")
async def spares_sender(t):
    peers, room = await three(t)
    equal(await news(peers, {"via": "socket", "to": [room]}, "x"), [[], [("x",)], [("x",)]])


@check("rooms/MM2 once per socket, however many rooms match")
async def once_per_socket(t):
    peers, room = await three(t)
    await peers[1].ask("join", [room + "-b"])
    to = [room, room + "-b", peers[1].sio.get_sid("/custom")]
    equal(await news(peers, {"via": "server", "to": to}, "x"), [[("x",)]] * 3)


@check("rooms/MM4 except a room and except an id")
async def excepted(t):
    peers, room = await three(t)
    await peers[1].ask("join", [room + "-b"])
    how = {"via": "server", "to": [room], "except": [room + "-b", peers[2].sio.get_sid("/custom")]}
    equal(await news(peers, how, "x"), [[("x",)], [], []])


@check("rooms/MM1 binary broadcast")
async def binary_broadcast(t):
    peers, room = await three(t)
    payload = {"a": [b"\x01\x02", "text"], "b": b"\x03"}
    equal(await news(peers, {"via": "server", "to": [room]}, payload), [[(payload,)]] * 3)


@check("rooms/MM6 a broadcast that asks everyone")
async def asks_everyone(t):
    peers, room = await three(t)
    for i, peer in enumerate(peers):
        peer.answers["poll"] = lambda question, i=i: {"question": question, "i": i}
    err, answers = await peers[0].ask("poll", {"to": [room], "timeout": 5000}, "here?")
    equal(err, "")
    equal(sorted(answers, key=lambda a: a["i"]), [{"question": "here?", "i": i} for i in range(3)])


@check("rooms/MM8 a broadcast that asks nobody")
async def asks_nobody(t):
    a = await t.connect()
    equal(await a.ask("poll", {"to": ["nobody"], "timeout": 5000}, "here?"), ("", []))


@check("rooms/U1 U2 list and move the members of a room")
async def members(t):
    peers, room = await three(t)
    ids = sorted(peer.sio.get_sid("/custom") for peer in peers)
    equal(await peers[0].ask("members", room), ids)
    await peers[0].ask("move", room, room + "-new")
    equal(await peers[0].ask("members", room), [])
    equal(await peers[0].ask("members", room + "-new"), ids)


@check("rooms/U3 disconnect the members of a room")
async def evict(t):
    peers, room = await three(t)
    await peers[0].ask("leave", room)
    await peers[0].ask("evict", room, False)
    ended = [await peers[1].take("disconnect"), await peers[2].take("disconnect")]
    equal(ended, [[("server disconnect",)], [("server disconnect",)]])
    equal(await peers[0].ask("ack", 1), 1)


# --- lifecycle


async def ends(t, peer, act):
    """Runs act; returns the reason at the client and what the server noted about the end of the socket."""
    witness = await t.connect()
    sid = (await peer.whoami())["id"]
    await peer.ask("join", ["lounge"])
    await act()
    reason = (await peer.take("disconnect"))[0][0]
    return reason, await witness.ask("end-of", sid)


def clean(reason):
    return {"reason": reason, "left": ["lounge"], "kept": []}


@check("lifecycle/SO17 N7 the server disconnects the namespace")
async def kicked(t):
    a = await t.connect("/custom")
    got = await ends(t, a, lambda: a.emit("kick", False))
    equal(got, ("server disconnect", clean("server namespace disconnect")))


@check("lifecycle/N6 the server closes the connection")
async def kicked_out(t):
    a = await t.connect("/custom")
    got = await ends(t, a, lambda: a.emit("kick", True))
    equal(got, ("server disconnect", clean("server namespace disconnect")))


@check("lifecycle/what the server sent before it disconnects arrives")
async def farewell(t):
    for close in (False, True):
        a = await t.connect()
        await a.emit("farewell", close)
        await a.take("disconnect")
        got = [args[0] for args in await a.take("n", 5)]
        equal(t.in_order(got), [0, 1, 2, 3, 4])


@check("lifecycle/SO17 the client disconnects")
async def client_disconnects(t):
    a = await t.connect()
    client, server = await ends(t, a, a.disconnect)
    # Both clients may close the websocket before they have sent the DISCONNECT packet.
    may_be_cut = final_transport(t) == "websocket" and server["reason"] == "transport close"
    equal((client, server), ("client disconnect", clean("transport close" if may_be_cut else "client namespace disconnect")))


@check("lifecycle/the server drops the connection")
async def dropped(t):
    a = await t.connect()
    reason, end = await ends(t, a, lambda: a.emit("drop"))
    equal(end, clean("forced close"))
    assert reason in ("transport error", "server disconnect"), reason


# A client that reads a close packet from a poll takes that for the end and does not reconnect.
@check("lifecycle/three reconnections in a row", only=["websocket", "upgrade"])
async def reconnections(t):
    a = await t.connect(reconnection=True)
    await a.take("connect")
    for i in range(3):
        await a.emit("drop")
        await a.take("disconnect")
        await a.take("connect")
        equal(await a.ask("ack", i), i)


# Over polling the sync client drops what it has queued, so there is nothing to be seen.
@check("lifecycle/words just before the client disconnects are heard", only=["websocket", "upgrade"])
async def last_words(t):
    witness = await t.connect()
    for _ in range(5):
        a = await t.connect()
        sid = (await a.whoami())["id"]
        for i in range(3):
            await a.emit("say", sid, i)
        if not t.sync and final_transport(t) == "websocket":
            await asyncio.sleep(0.01)  # else the client closes the websocket before its writer has run
        await a.disconnect()
        await witness.ask("end-of", sid)
        equal(await witness.ask("heard", sid), [0, 1, 2])


# --- upgrade


async def stream(peer, stop):
    i = 0
    while not stop.is_set():
        await peer.emit("seq", i)
        await asyncio.sleep(0.001)
        i += 1
    return i


@check("upgrade/nothing is lost while streaming both ways")
async def streaming(t):
    for _ in range(3):
        a = await t.connect()
        stop = asyncio.Event()
        sending = asyncio.create_task(stream(a, stop))
        await a.emit("ticks", 150)
        got = [args[0] for args in await a.take("n", 150, wait=30)]
        stop.set()
        equal(t.in_order(got), list(range(150)))
        equal(await a.ask("seq-report"), {"count": await sending, "ordered": True})


@check("upgrade/ten clients at once")
async def ten_clients(t):
    peers = await asyncio.gather(*(t.connect() for _ in range(10)))
    payload = b"\x01" * 2000
    got = await asyncio.gather(*(peer.ask("ack", i, payload) for i, peer in enumerate(peers)))
    equal(got, [(i, payload) for i in range(10)])
