#!/usr/bin/env python3
"""A client in plain Python: one REQ socket, one MessagePack frame each way.

It knows nothing of ids, batches or retries, and it need not: the broker numbers requests and sends them again when a
server dies. Run it with --help, or `client.py demo`.
"""

import argparse
import datetime
import sys
import time

import msgpack
import zmq


class Client:
    """One connection to a broker, with a Lamport clock: +1 before each send, the larger of both on each receive."""

    def __init__(self, broker, iso=False, with_clock=True, timeout_seconds=20):
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.rcvtimeo = int(timeout_seconds * 1000)
        self.socket.connect(broker)
        self.iso = iso
        self.with_clock = with_clock
        self.clock = 0

    def timestamp(self):
        if self.iso:
            return datetime.datetime.now(datetime.timezone.utc).isoformat()
        return int(time.time())

    def call(self, service, **fields):
        """Sends one request and returns the data of its reply. Raises TimeoutError without one."""
        self.clock += 1
        data = dict(fields, timestamp=self.timestamp())
        if self.with_clock:
            data["clock"] = self.clock
        self.socket.send(msgpack.packb({"service": service, "data": data}))
        try:
            reply = msgpack.unpackb(self.socket.recv())
        except zmq.Again:
            raise TimeoutError(f"no reply to {service}") from None
        data = reply["data"]
        self.clock = max(self.clock, data.get("clock", 0))
        return data


def failed(data):
    return data.get("status") == "erro"


def show(data):
    """Prints a reply. Returns the exit code: 1 for an error reply."""
    if failed(data):
        print(f"{data.get('code', 'error')}: {data.get('description') or data.get('message')}", file=sys.stderr)
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
    me = f"python-{int(time.time() * 1000) % 100000}"
    channel = f"demo-{me}"
    steps = [
        ("login", {"user": me}),
        ("channel", {"channel": channel, "user": me}),
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
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="tcp://127.0.0.1:5555", help="default: %(default)s")
    parser.add_argument("--iso", action="store_true", help="timestamps as ISO text instead of whole seconds")
    parser.add_argument("--no-clock", action="store_true", help="leave the Lamport clock out of requests")
    parser.add_argument("--timeout", type=float, default=20, help="seconds to wait for a reply, default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

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
    client = Client(fields.pop("broker"), fields.pop("iso"), not fields.pop("no_clock"), fields.pop("timeout"))
    service = fields.pop("command")
    try:
        return demo(client) if service == "demo" else show(client.call(service, **fields))
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
