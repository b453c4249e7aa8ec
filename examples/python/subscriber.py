#!/usr/bin/env python3
"""Prints what is published on topics: channels, or users' names for their direct messages."""

import argparse
import sys

import msgpack
import zmq


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proxy", default="tcp://127.0.0.1:5558", help="default: %(default)s")
    parser.add_argument("--count", type=int, default=0, help="end after so many (default: never)")
    parser.add_argument("topics", nargs="+", metavar="topic", help="a channel or a user's name")
    options = parser.parse_args()

    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.linger = 0
    socket.connect(options.proxy)
    for topic in options.topics:
        socket.subscribe(topic)
    # Subscribing takes a moment. The proxy answers on a topic of this kind once it knows what was asked before it.
    welcome = f"servers/welcome/{id(socket)}-{options.topics[0]}"
    socket.subscribe(welcome)

    seen = 0
    while options.count == 0 or seen < options.count:
        topic, body = socket.recv_multipart()
        topic = topic.decode()
        if topic == welcome:
            print(f"subscribed to {', '.join(options.topics)}", flush=True)
            continue
        # ZeroMQ subscribes by prefix: who asks for `ana` also gets `anabela`.
        if topic not in options.topics:
            continue
        content = msgpack.unpackb(body)
        # Under load, several publications travel as one array.
        for item in content if isinstance(content, list) else [content]:
            seen += 1
            if item.get("type") == "message":
                print(f"{item['src']} to {item['dst']}: {item['message']}  (clock {item['clock']})", flush=True)
            else:
                print(f"[{item['channel']}] {item['user']}: {item['message']}  (clock {item['clock']})", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
