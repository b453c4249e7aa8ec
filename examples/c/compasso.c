#define _DEFAULT_SOURCE
#include "compasso.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPT_MS = 2000, DEADLINE_MS = 15000, FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2000 };

static int64_t milliseconds(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool connect_socket(compasso *client) {
    int attempt = ATTEMPT_MS, none = 0;
    client->socket = zmq_socket(client->context, ZMQ_REQ);
    if (client->socket == NULL) return false;
    zmq_setsockopt(client->socket, ZMQ_RCVTIMEO, &attempt, sizeof attempt);
    zmq_setsockopt(client->socket, ZMQ_SNDTIMEO, &attempt, sizeof attempt);
    zmq_setsockopt(client->socket, ZMQ_LINGER, &none, sizeof none);
    return zmq_connect(client->socket, client->broker) == 0;
}

bool compasso_open(compasso *client, const char *broker) {
    *client = (compasso){.broker = broker, .context = zmq_ctx_new()};
    return client->context != NULL && connect_socket(client);
}

void compasso_close(compasso *client) {
    if (client->socket != NULL) zmq_close(client->socket);
    if (client->context != NULL) zmq_ctx_term(client->context);
}

static void pack_text(msgpack_packer *packer, const char *text) {
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

/* {service, id, data: {fields …, timestamp, clock}} */
static void pack_request(msgpack_sbuffer *out, const char *service, const char *id, const compasso_field *fields,
                         size_t count, uint64_t clock) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 3);
    pack_text(&packer, "service");
    pack_text(&packer, service);
    pack_text(&packer, "id");
    pack_text(&packer, id);
    pack_text(&packer, "data");
    msgpack_pack_map(&packer, count + 2);
    for (size_t i = 0; i < count; i++) {
        pack_text(&packer, fields[i].name);
        pack_text(&packer, fields[i].text);
    }
    pack_text(&packer, "timestamp");
    msgpack_pack_int64(&packer, milliseconds(CLOCK_REALTIME));
    pack_text(&packer, "clock");
    msgpack_pack_uint64(&packer, clock);
}

/* One attempt: sends, and waits for a reply with a map as its data; NULL when there is none. */
static const msgpack_object *exchange(compasso *client, const msgpack_sbuffer *request, compasso_reply *reply) {
    if (zmq_send(client->socket, request->data, request->size, 0) < 0 ||
        zmq_msg_recv(&reply->frame, client->socket, 0) < 0) {
        /* A REQ socket that waits in vain can do nothing else; a new one can. */
        zmq_close(client->socket);
        connect_socket(client);
        return NULL;
    }
    size_t offset = 0;
    if (msgpack_unpack_next(&reply->content, zmq_msg_data(&reply->frame), zmq_msg_size(&reply->frame), &offset) !=
        MSGPACK_UNPACK_SUCCESS)
        return NULL;
    const msgpack_object *data = compasso_get(&reply->content.data, "data");
    const msgpack_object *clock = compasso_get(data, "clock");
    if (clock != NULL && clock->type == MSGPACK_OBJECT_POSITIVE_INTEGER && clock->via.u64 > client->clock)
        client->clock = clock->via.u64;
    return data;
}

static bool may_try_again(const msgpack_object *data) {
    const msgpack_object *retriable = compasso_get(data, "retriable");
    return data == NULL || (retriable != NULL && retriable->type == MSGPACK_OBJECT_BOOLEAN && retriable->via.boolean);
}

/* 32 hexadecimal digits that nobody else has. */
static void make_id(char id[33]) {
    uint64_t random[2] = {0, 0};
    if (getentropy(random, sizeof random) != 0) random[0] = (uint64_t)milliseconds(CLOCK_REALTIME) ^ (uint64_t)getpid();
    snprintf(id, 33, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
}

const msgpack_object *compasso_call(compasso *client, const char *service, const compasso_field *fields, size_t count,
                                    compasso_reply *reply) {
    char id[33];
    make_id(id);
    const int64_t deadline = milliseconds(CLOCK_MONOTONIC) + DEADLINE_MS;
    zmq_msg_init(&reply->frame);
    msgpack_unpacked_init(&reply->content);
    for (int pause = FIRST_PAUSE_MS;; pause = pause * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : pause * 2) {
        msgpack_sbuffer request;
        msgpack_sbuffer_init(&request);
        pack_request(&request, service, id, fields, count, ++client->clock);
        const msgpack_object *data = exchange(client, &request, reply);
        msgpack_sbuffer_destroy(&request);
        if (!may_try_again(data) || milliseconds(CLOCK_MONOTONIC) > deadline) return data;
        nanosleep(&(struct timespec){pause / 1000, pause % 1000 * 1000000L}, NULL);
    }
}

void compasso_free(compasso_reply *reply) {
    msgpack_unpacked_destroy(&reply->content);
    zmq_msg_close(&reply->frame);
}

const msgpack_object *compasso_get(const msgpack_object *map, const char *key) {
    if (map == NULL || map->type != MSGPACK_OBJECT_MAP) return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (compasso_is(&map->via.map.ptr[i].key, key)) return &map->via.map.ptr[i].val;
    return NULL;
}

bool compasso_is(const msgpack_object *value, const char *text) {
    return value != NULL && value->type == MSGPACK_OBJECT_STR && value->via.str.size == strlen(text) &&
           memcmp(value->via.str.ptr, text, value->via.str.size) == 0;
}

void compasso_print(FILE *out, const msgpack_object *value) {
    if (value == NULL) {
        fputc('?', out);
    } else if (value->type == MSGPACK_OBJECT_STR) {
        for (uint32_t i = 0; i < value->via.str.size; i++) {
            const unsigned char c = (unsigned char)value->via.str.ptr[i];
            fputc(c < 0x20 || c == 0x7f ? '.' : c, out);
        }
    } else {
        msgpack_object_print(out, *value);
    }
}
