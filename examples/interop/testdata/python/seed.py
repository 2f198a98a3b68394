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
queue = sio.eio.queue  # the client makes a new one when it is done with it
sio.disconnect()
sys.exit(0 if queue.empty() else 3)
