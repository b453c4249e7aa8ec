#!/usr/bin/env python3
"""A client in plain Python: one REQ socket, one MessagePack frame each way.

Every request has an id, so it can be sent again when no reply comes: it is done once, however often it arrives.
Run it with --help, or `client.py demo`.
"""

import argparse
import sys
import time
import uuid

import msgpack
import zmq

ATTEMPT_SECONDS = 2


class Client:
    """Asks brokers, and keeps a Lamport clock: +1 before each send, the larger of both on each receive."""

    def __init__(self, brokers, deadline_seconds=15):
        """brokers: endpoints separated by commas; when one is silent, the next one is asked."""
        self.brokers = brokers.split(",")
        self.deadline_seconds = deadline_seconds
        self.clock = 0
        self.connect()

    def connect(self):
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.rcvtimeo = self.socket.sndtimeo = int(ATTEMPT_SECONDS * 1000)
        self.socket.connect(self.brokers[0])

    def call(self, service, **fields):
        """Sends one request. Returns the data of its reply; raises TimeoutError when there is none."""
        return self.call_all([(service, fields)])[0]

    def call_all(self, requests):
        """Sends several (service, fields) in one frame. Returns the data of their replies, in the same order."""
        envelopes = [{"service": service, "id": uuid.uuid4().hex, "data": fields} for service, fields in requests]
        answers = {}
        deadline = time.monotonic() + self.deadline_seconds
        pause = 0.1
        while True:
            waiting = [one for one in envelopes if not is_final(answers.get(one["id"]))]
            late = time.monotonic() > deadline
            if not waiting or (late and len(answers) == len(envelopes)):
                return [answers[one["id"]] for one in envelopes]
            if late:
                raise TimeoutError(f"no reply to {waiting[0]['service']} in {self.deadline_seconds} s")
            if answers:
                time.sleep(pause)  # Somebody said "try again": not at once.
                pause = min(pause * 2, 2)
            for reply in self.exchange(waiting):
                answers[reply["id"]] = reply["data"]

    def exchange(self, envelopes):
        """One attempt. Returns the replies, none when nothing came in time."""
        self.clock += 1
        for envelope in envelopes:
            envelope["data"].update(timestamp=int(time.time() * 1000), clock=self.clock)
        try:
            # A body is one envelope, or an array of them (a batch), and so is its reply.
            self.socket.send(msgpack.packb(envelopes if len(envelopes) > 1 else envelopes[0]))
            replies = msgpack.unpackb(self.socket.recv())
        except zmq.Again:
            # A REQ socket that waits in vain can do nothing else; a new one can.
            self.socket.close()
            self.brokers.append(self.brokers.pop(0))
            self.connect()
            return []
        if not isinstance(replies, list):
            # One envelope for a batch: the batch itself was refused, or there was just one.
            replies = [dict(replies, id=envelope["id"]) for envelope in envelopes]
        self.clock = max([self.clock] + [reply["data"].get("clock", 0) for reply in replies])
        return replies


def is_final(data):
    """Whether an answer is the last word: not missing, and no error after which one may try again."""
    return data is not None and data.get("retriable") is not True


def failed(data):
    return data.get("status") == "erro"


def show(data):
    """Prints a reply. Returns the exit code: 1 for an error reply."""
    if failed(data):
        print(f"{data.get('code', 'error')}: {data['description']}", file=sys.stderr)
        return 1
    for key, value in data.items():
        if key in ("timestamp", "clock"):
            continue
        if isinstance(value, list):
            print(f"{key}:")
            for item in value:
                print(f"  {item}")
        else:
            print(f"{key}: {value}")
    return 0


def demo(client):
    """Everything once, as a newcomer would try it."""
    me = f"python-{uuid.uuid4().hex[:6]}"
    channel = f"demo-{me}"
    lines = [("publish", {"user": me, "channel": channel, "message": f"line {n}"}) for n in (1, 2, 3)]
    steps = [
        ("login", {"user": me}),
        ("channel", {"channel": channel}),
        ("channels", {}),
        ("users", {}),
        ("publish", {"user": me, "channel": channel, "message": "Hello from Python"}),
        ("message", {"src": me, "dst": me, "message": "A note to myself"}),
        ("history", {"channel": channel}),
    ]
    for service, fields in steps:
        data = client.call(service, **fields)
        print(f"--- {service} {fields}  (clock {client.clock})")
        if show(data) != 0:
            return 1
    print("--- three in one frame")
    return max(show(data) for data in client.call_all(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="tcp://127.0.0.1:5555", help="one, or several with commas; %(default)s")
    parser.add_argument("--deadline", type=float, default=15, help="seconds until it gives up; %(default)s")
    commands = parser.add_subparsers(dest="service", required=True, metavar="command")

    def command(name, text, *arguments):
        sub = commands.add_parser(name, help=text)
        for argument in arguments:
            sub.add_argument(argument)
        return sub

    command("login", "log in; a new user is created", "user")
    command("users", "list users")
    command("channel", "create a channel", "channel")
    command("channels", "list channels")
    command("publish", "publish in a channel", "user", "channel", "message")
    command("message", "send a direct message", "src", "dst", "message")
    command("history", "what was published in a channel", "channel").add_argument("--limit", type=int, default=20)
    command("demo", "all of it once")

    fields = vars(parser.parse_args())
    client = Client(fields.pop("broker"), fields.pop("deadline"))
    service = fields.pop("service")
    try:
        return demo(client) if service == "demo" else show(client.call(service, **fields))
    except TimeoutError as error:
        print(f"{error}; is the cluster running?", file=sys.stderr)
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
