"""The demo server of a Python tutorial: it logs what it hears, and sends "msg" back to all. It tells where it listens first."""

import asyncio
import json
import signal

import socketio
from aiohttp import web

sio = socketio.AsyncServer()


@sio.event
async def connect(sid, environ):
    print(sid, "connected", flush=True)


@sio.event
async def message(sid, data):
    print("message:", json.dumps(data), flush=True)


@sio.event
async def msg(sid, data):
    await sio.send(f"resend {data}")


@sio.event
async def reply(sid):
    await sio.emit("reply")


@sio.event
async def disconnect(sid):
    print(sid, "disconnected", flush=True)


async def main():
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("127.0.0.1:%d" % site._server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()
    await sio.shutdown()
    await runner.cleanup()


asyncio.run(main())
