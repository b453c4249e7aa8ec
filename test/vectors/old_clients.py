#!/usr/bin/env python3
"""Makes old-clients.json: requests as clients of the course make them, byte by byte, one session for each habit.

    python3 old_clients.py > old-clients.json

Needs python3-msgpack. The times are fixed, so that it always makes the same file.
"""

import datetime
import json
import struct
import sys

import msgpack

SECONDS = 1763690000.25
MOMENT = datetime.datetime.fromtimestamp(SECONDS, datetime.timezone.utc)


def default(value):
    return msgpack.packb(value, use_bin_type=True)


def old_raw(value):
    """The MessagePack of before 2013: no bin, no str8, text and bytes are both `raw`."""
    return msgpack.packb(value, use_bin_type=False)


def with_timestamps(value):
    return msgpack.packb(value, datetime=True)


def single_floats(value):
    return msgpack.packb(value, use_single_float=True)


def widest(value):
    """Every integer in 64 bits, every text, array and map with a 32-bit length: what a simple hand-written packer does."""
    if isinstance(value, bool) or value is None:
        return msgpack.packb(value)
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
    if isinstance(value, list):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(widest, value))
    pairs = b"".join(widest(key) + widest(item) for key, item in value.items())
    return b"\xdf" + struct.pack(">I", len(value)) + pairs


def as_bytes(value):
    """Every text that is a value becomes bytes; keys stay text."""
    if isinstance(value, dict):
        return {key: as_bytes(item) for key, item in value.items()}
    return value.encode() if isinstance(value, str) else value


def same(value):
    return value


def stamped(timestamp=None, clock=None):
    """What a client adds to each request's data: a function of the number of the request."""

    def add(number):
        fields = {}
        if timestamp is not None:
            fields["timestamp"] = timestamp
        if clock is not None:
            fields["clock"] = clock(number)
        return fields

    return add


def fields_of_all(envelope):
    """A struct of Go or Java that has every field of every request, empty where it is not needed."""
    every = dict.fromkeys(("user", "channel", "message", "src", "dst"), "")
    return {"service": envelope["service"], "data": {**every, **envelope["data"]}}


def extra_fields(envelope):
    data = {**envelope["data"], "version": 2, "client": {"name": "old", "tags": ["a", None, True]}}
    return {"service": envelope["service"], "data": data, "type": "request", "reply_to": None, "ttl": 30}


def bare(envelope):
    """Leaves out what may be left out."""
    return envelope if envelope["data"] else {"service": envelope["service"]}


def nil_data(envelope):
    return envelope if envelope["data"] else {**envelope, "data": None}


def from_to(envelope):
    data = dict(envelope["data"])
    for old, new in (("src", "from"), ("dst", "to")):
        if old in data:
            data[new] = data.pop(old)
    names = {"login": "register_user", "channels": "list_channels"}
    return {"service": names.get(envelope["service"], envelope["service"]), "data": data}


def texts_only(envelope):
    def text(value):
        return [text(one) for one in value] if isinstance(value, list) else str(value)

    return {**envelope, "data": {key: text(value) for key, value in envelope["data"].items()}}


ISO = MOMENT.isoformat()
HABITS = [
    # what it is, what each request carries, what is done to the envelope, how it becomes bytes
    ("whole seconds, a clock from 1", stamped(int(SECONDS), lambda n: n), same, default),
    ("whole seconds, a clock from 0", stamped(int(SECONDS), lambda n: n - 1), same, default),
    ("float seconds", stamped(SECONDS, lambda n: n), same, default),
    ("milliseconds", stamped(int(SECONDS * 1000), lambda n: n), same, default),
    ("milliseconds as a float", stamped(SECONDS * 1000, lambda n: n), same, default),
    ("ISO text with an offset", stamped(ISO, lambda n: n), same, default),
    ("ISO text without a zone, no clock", stamped(MOMENT.replace(tzinfo=None).isoformat()), same, default),
    ("local text that is no ISO", stamped("21/11/2025 02:13:20", lambda n: n), same, default),
    ("no timestamp, no clock", stamped(), same, default),
    ("no data where none is needed", stamped(), bare, default),
    ("nil for data where none is needed", stamped(), nil_data, default),
    ("nil for timestamp and clock", lambda n: {"timestamp": None, "clock": None}, same, default),
    ("MessagePack timestamps, 64 bits", stamped(MOMENT, lambda n: n), same, with_timestamps),
    ("MessagePack timestamps, 32 bits", stamped(MOMENT.replace(microsecond=0), lambda n: n), same, with_timestamps),
    ("MessagePack timestamps, 96 bits", stamped(MOMENT.replace(year=1901), lambda n: n), same, with_timestamps),
    ("a clock that is a float", stamped(SECONDS, lambda n: float(n)), same, default),
    ("32-bit floats", stamped(SECONDS, lambda n: float(n)), same, single_floats),
    ("old raw for text", stamped(ISO, lambda n: n), same, old_raw),
    ("old raw from bytes", stamped(ISO, lambda n: n), as_bytes, old_raw),
    ("bin for text", stamped(ISO, lambda n: n), as_bytes, default),
    ("text for everything", stamped(SECONDS, lambda n: n), texts_only, default),
    ("the widest of every type", stamped(int(SECONDS * 1000), lambda n: n), same, widest),
    ("a struct with all fields", stamped(int(SECONDS), lambda n: n), fields_of_all, default),
    ("fields that nobody knows", stamped(int(SECONDS), lambda n: n), extra_fields, default),
    ("from and to, and the other names of services", stamped(int(SECONDS), lambda n: n), from_to, default),
]


def session(number):
    user, friend, channel = f"velha{number}", f"josé{number}", f"açaí {number}"
    return [
        ("login", {"user": user}),
        ("login", {"user": friend}),
        ("users", {}),
        ("channel", {"user": user, "channel": channel}),
        ("channel", {"user": user, "channel": channel}),
        ("channels", {}),
        ("publish", {"user": user, "channel": channel, "message": f"Olá {number} 🎶"}),
        ("publish", {"user": user, "channel": f"nowhere {number}", "message": "?"}),
        ("message", {"src": user, "dst": friend, "message": f"psst {number}"}),
        ("message", {"src": user, "dst": f"nobody {number}", "message": "?"}),
        # What the predecessor over RabbitMQ offered.
        ("soma", {"a": 10, "b": 5}),
        ("media", {"valores": [1, 2, 6]}),
        ("busca", {"nome": "joão"}),
    ]


def main():
    made = []
    for number, (habit, add, change, pack) in enumerate(HABITS):
        requests = []
        for count, (service, fields) in enumerate(session(number), start=1):
            envelope = change({"service": service, "data": {**fields, **add(count)}})
            requests.append({"service": service, "fields": fields, "hex": pack(envelope).hex()})
        made.append({"habit": habit, "requests": requests})
    json.dump(made, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
