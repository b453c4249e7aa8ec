#!/usr/bin/env python3
"""A worker that serves one service, `mean`, with a plain REP socket.

Give the broker a back end for it, and run as many as you like:

    BROKER_ROUTES=mean=5566 …
    worker.py --broker tcp://127.0.0.1:5566
"""

import argparse
import sys
import time

import msgpack
import zmq


class Worker:
    def __init__(self):
        self.clock = 0

    def data_of(self, data):
        """The service itself: request data in, reply data out."""
        values = data.get("values", data.get("valores"))
        if not isinstance(values, list) or not values or not all(type(v) in (int, float) for v in values):
            text = "values must be a list of one or more numbers"
            return {"status": "erro", "code": "bad_request", "description": text, "message": text, "retriable": False}
        mean = sum(values) / len(values)
        return {"status": "sucesso", "result": mean, "resultado": mean, "count": len(values)}

    def answer(self, request):
        """One envelope in, one out: the same service, and the same id if there is one. The clock is Lamport's."""
        request = request if isinstance(request, dict) else {}
        data = request.get("data")
        data = data if isinstance(data, dict) else {}
        clock = data.get("clock", 0)
        if type(clock) is int and clock > self.clock:
            self.clock = clock
        self.clock += 1
        reply = {"service": request.get("service", "")}
        if "id" in request:
            reply["id"] = request["id"]
        reply["data"] = dict(self.data_of(data), timestamp=int(time.time() * 1000), clock=self.clock)
        return reply

    def answer_body(self, body):
        """A body is one envelope, or an array of them whose replies go back in the same order."""
        try:
            request = msgpack.unpackb(body)
        except (ValueError, TypeError):
            request = None
        return msgpack.packb([self.answer(one) for one in request] if isinstance(request, list) else self.answer(request))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="tcp://127.0.0.1:5566", help="a back end; default: %(default)s")
    options = parser.parse_args()
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.linger = 0
    socket.connect(options.broker)
    worker = Worker()
    print(f"serving mean at {options.broker}", flush=True)
    while True:
        socket.send(worker.answer_body(socket.recv()))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
