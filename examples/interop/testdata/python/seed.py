"""The program that people know: three messages, and off it goes.

Exits with status 3 if the client itself kept messages back: its writer thread ends without looking into the queue
if disconnect() is called before it is back from writing the CONNECT packet.
"""

import sys

import socketio

sio = socketio.Client()


@sio.event
def connect():
    print("connected")


@sio.event
def disconnect():
    print("disconnected")


sio.connect(sys.argv[1], wait_timeout=10)
sio.send("Hello guys. ")
sio.send({"msg": "use message channel 2 send data"})
sio.emit("msg", "use msg channel 2 send data")

queue, kept = sio.eio.queue, []
throw_away = queue.get_nowait  # what the client empties its queue with when it is done


def get_nowait():
    kept.append(throw_away())


queue.get_nowait = get_nowait
sio.disconnect()
sys.exit(3 if any(kept) else 0)
