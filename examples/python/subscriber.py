#!/usr/bin/env python3
"""Prints what is published on topics: channels, or users' names for their direct messages.

Without --from: what comes from now on, as fast as it comes; what is lost on the way stays lost.
With --from N: everything above position N, in order, each once, also what was said while nobody listened.
"""

import argparse
import sys
import uuid

import msgpack
import zmq

from client import Client, failed

POLL_SECONDS = 5
REMEMBERED = 10_000


def show(item):
    """A live publication says what it is; of what comes from history, direct messages have a dst."""
    position = f"{item['n']}  " if "n" in item else ""
    if "dst" in item:
        print(f"{position}{item['src']} to {item['dst']}: {item['message']}  (clock {item['clock']})", flush=True)
    else:
        print(f"{position}[{item['channel']}] {item['user']}: {item['message']}  (clock {item['clock']})", flush=True)


class Live:
    """A SUB socket: what comes, by whole topics and without repeats."""

    def __init__(self, proxies, topics):
        """proxies: endpoints separated by commas; all of them are heard."""
        self.topics = topics
        self.seen = {}
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.linger = 0
        for proxy in proxies.split(","):
            self.socket.connect(proxy)
        # Subscribing takes a moment. The proxy answers on a topic of this kind once it knows what was asked before it.
        self.welcome = f"servers/welcome/{uuid.uuid4().hex}"
        for topic in [*topics, self.welcome]:
            self.socket.subscribe(topic)

    def receive(self, limit_seconds=None):
        """The next (topic, new items); (None, []) when nothing came in that time, and at each welcome."""
        while self.socket.poll(None if limit_seconds is None else limit_seconds * 1000):
            topic, body = self.socket.recv_multipart()
            topic = topic.decode()
            if topic == self.welcome:
                print(f"subscribed to {', '.join(self.topics)}", flush=True)
                break
            # ZeroMQ subscribes by prefix: who asks for `ana` also gets `anabela`.
            if topic not in self.topics:
                continue
            content = msgpack.unpackb(body)
            # Under load, several publications travel as one array.
            items = content if isinstance(content, list) else [content]
            # One may come twice: through two proxies, or after a server died.
            return topic, [item for item in items if self.is_new(item.get("id"))]
        return None, []

    def is_new(self, key):
        if key is None:
            return True
        if key in self.seen:
            return False
        self.seen[key] = True
        if len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]
        return True


class History:
    """Reads a topic's publications in their order, each once, from a position on."""

    def __init__(self, broker, position):
        self.client = Client(broker)
        self.start = position
        self.positions = {}

    def news(self, topic):
        """What there is now above the last position read, as a channel and as a user's direct messages."""
        for kind in ("channel", "user"):
            while True:
                after = self.positions.get((kind, topic), self.start)
                page = self.client.call("history", **{kind: topic}, after=after, limit=1000)
                if failed(page):  # No channel, or no user, of this name yet.
                    break
                for item in page["items"]:
                    if kind == "channel" or item["dst"] == topic:
                        yield item
                last = page["items"][-1]["n"] if page["items"] else after
                self.positions[kind, topic] = max(after, last, page["next"] or 0)
                if page["next"] is None:
                    break


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", default="tcp://127.0.0.1:5558", help="one, or several with commas; %(default)s")
    parser.add_argument("--broker", default="tcp://127.0.0.1:5555", help="for --from; %(default)s")
    parser.add_argument("--from", type=int, dest="position", metavar="N", help="everything above a position; 0 is all")
    parser.add_argument("topics", nargs="+", metavar="topic", help="a channel or a user's name")
    options = parser.parse_args()

    live = Live(options.proxy, options.topics)
    if options.position is None:
        while True:
            for item in live.receive()[1]:
                show(item)
    # A live publication is only what wakes us up: what to print comes from history, which misses nothing. A look every
    # few seconds finds what the proxy lost.
    history = History(options.broker, options.position)
    while True:
        topic, _ = live.receive(POLL_SECONDS)
        try:
            for name in options.topics if topic is None else [topic]:
                for item in history.news(name):
                    show(item)
        except TimeoutError as error:
            print(f"{error}; trying again", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
