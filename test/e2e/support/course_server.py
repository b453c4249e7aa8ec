#!/usr/bin/env python3
"""A server as a student of the course writes it: REP and PUB, everything in memory, no ids, no batches, no limits.

    course_server.py REQUESTS_URL PUBLICATIONS_URL [FAULT]

It prints where it listens. With a fault it does one thing wrong; see `spoil` and the services.
"""

import sys
import time

import msgpack
import zmq

FAULT = sys.argv[3] if len(sys.argv) > 3 else ""

context = zmq.Context()
rep = context.socket(zmq.REP)
rep.bind(sys.argv[1])
pub = context.socket(zmq.PUB)
pub.bind(sys.argv[2])

users = []
channels = []
clock = 0


def publish(topic, content):
    global clock
    clock += 1
    content = dict(content, timestamp=int(time.time()), clock=clock)
    if FAULT == "topic" and "channel" in content:
        topic = "everything"
    if FAULT == "one-frame":
        pub.send(topic.encode() + b" " + msgpack.packb(content))
    elif FAULT == "text" and "channel" in content:
        pub.send_multipart([topic.encode(), content["message"].encode()])
    elif FAULT == "no-publications":
        pass
    else:
        pub.send_multipart([topic.encode(), msgpack.packb(content)])


def login(data):
    if data["user"] in users:
        return {"status": "erro", "description": "usuário já existe"}
    users.append(data["user"])
    return {"status": "ok" if FAULT == "status" else "sucesso"}


def list_users(data):
    return {"users": users[:1] if FAULT == "short-list" else users}


def channel(data):
    if data["channel"] in channels:
        if FAULT == "channel-twice":
            return {"status": "sucesso"}
        return {"status": "erro", "description": "canal já existe"}
    channels.append(data["channel"])
    return {"status": "sucesso"}


def list_channels(data):
    return {"users": channels}


def publish_in_channel(data):
    if data["channel"] not in channels:
        return {"status": "erro", "message": "canal não existe"}
    publish(data["channel"], {"user": data["user"], "channel": data["channel"], "message": data["message"]})
    return {"status": "OK"}


def message(data):
    if data["dst"] not in users:
        return {"status": "erro"} if FAULT == "no-text" else {"status": "erro", "message": "usuário não existe"}
    publish(data["dst"], {"src": data["src"], "message": data["message"]})
    return {"status": "OK"}


SERVICES = {
    "login": login,
    "users": list_users,
    "channel": channel,
    "channels": list_channels,
    "publish": publish_in_channel,
    "message": message,
}


def spoil(reply):
    data = reply["data"]
    if FAULT == "zero-clock":
        data["clock"] = 0
    if FAULT == "no-clock":
        del data["clock"]
    if FAULT == "text-clock":
        data["clock"] = str(data["clock"])
    if FAULT == "no-timestamp":
        del data["timestamp"]
    if FAULT == "local-time":
        data["timestamp"] = time.strftime("às %H horas")
    if FAULT == "no-service":
        del reply["service"]
    if FAULT == "flat":
        return dict(data, service=reply.get("service"))
    return reply


def main():
    global clock
    print("listening", rep.last_endpoint.decode(), pub.last_endpoint.decode(), flush=True)
    while True:
        request = msgpack.unpackb(rep.recv())
        service, data = request["service"], request["data"]
        if FAULT == "hangs" and service == "message":
            while True:
                time.sleep(1)
        if FAULT != "own-clock":
            clock = max(clock, data.get("clock", 0))
        answer = SERVICES[service](data) if service in SERVICES else {"status": "erro", "message": "serviço não existe"}
        clock += 1
        reply = {"service": service, "data": dict(answer, timestamp=time.time(), clock=clock)}
        rep.send(msgpack.packb(spoil(reply)))


if __name__ == "__main__":
    main()
