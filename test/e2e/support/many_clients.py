#!/usr/bin/env python3
"""Many clients in one process, each a thread with a REQ socket of its own, all at once.

    many_clients.py BROKER FIRST COUNT ROUNDS CHANNEL

Prints each request with its reply and when they were, one line of JSON each; whether the replies are right is for the reader.
"""

import json
import sys
import threading
import time

import msgpack
import zmq

broker, first, count, rounds, channel = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
context = zmq.Context(io_threads=1)
together = threading.Barrier(count)
lines = []


def client(number):
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    socket.rcvtimeo = 60_000
    socket.connect(broker)
    user, clock = f"python{number}", 0

    def call(service, **fields):
        nonlocal clock
        clock += 1
        sent = time.monotonic()
        socket.send(msgpack.packb({"service": service, "data": dict(fields, timestamp=time.time(), clock=clock)}))
        reply = msgpack.unpackb(socket.recv())
        clock = max(clock, reply["data"]["clock"])
        took = {"invokedAt": sent * 1000, "answeredAt": time.monotonic() * 1000}
        lines.append(json.dumps({"user": user, "service": service, "fields": fields, "reply": reply, **took}))

    call("login", user=user)
    together.wait()
    for turn in range(rounds):
        call("mean", values=[number, turn, number * turn + 0.5])
        call("publish", user=user, channel=channel, message=f"{user} says {turn}")
        call("message", src=user, dst=user, message=f"{user} notes {turn}")
    call("users")
    call("channels")


threads = [threading.Thread(target=client, args=(first + n,)) for n in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(lines))
