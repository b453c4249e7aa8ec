/* Prints what is published on topics, channels or users' names: subscriber [-p tcp://host:5558] topic … */
#include "compasso.h"

#include <string.h>
#include <unistd.h>

/* Names and ids have at most 64 characters, so at most 192 bytes and an end. */
enum { REMEMBERED = 1000, TEXT_BYTES = 193 };

/* One publication may come twice: through two proxies, or after a server died. The last ids, in a ring. */
static bool is_repeat(const msgpack_object *id) {
    static char seen[REMEMBERED][TEXT_BYTES];
    static size_t next = 0;
    if (id == NULL || id->type != MSGPACK_OBJECT_STR || id->via.str.size >= TEXT_BYTES) return false;
    for (size_t i = 0; i < REMEMBERED; i++)
        if (compasso_is(id, seen[i])) return true;
    memcpy(seen[next], id->via.str.ptr, id->via.str.size);
    seen[next][id->via.str.size] = '\0';
    next = (next + 1) % REMEMBERED;
    return false;
}

static void show(const msgpack_object *item) {
    if (is_repeat(compasso_get(item, "id"))) return;
    const bool direct = compasso_is(compasso_get(item, "type"), "message");
    fputs(direct ? "" : "[", stdout);
    compasso_print(stdout, compasso_get(item, direct ? "src" : "channel"));
    fputs(direct ? " to " : "] ", stdout);
    compasso_print(stdout, compasso_get(item, direct ? "dst" : "user"));
    fputs(": ", stdout);
    compasso_print(stdout, compasso_get(item, "message"));
    fputs("\n", stdout);
}

/* A body is one publication, or under load an array of them. */
static void read_body(zmq_msg_t *body) {
    msgpack_unpacked content;
    size_t offset = 0;
    msgpack_unpacked_init(&content);
    if (msgpack_unpack_next(&content, zmq_msg_data(body), zmq_msg_size(body), &offset) == MSGPACK_UNPACK_SUCCESS) {
        if (content.data.type == MSGPACK_OBJECT_ARRAY)
            for (uint32_t i = 0; i < content.data.via.array.size; i++) show(&content.data.via.array.ptr[i]);
        else
            show(&content.data);
    }
    msgpack_unpacked_destroy(&content);
    fflush(stdout);
}

static bool is_frame(zmq_msg_t *frame, const char *text) {
    return zmq_msg_size(frame) == strlen(text) && memcmp(zmq_msg_data(frame), text, strlen(text)) == 0;
}

/* Reads for ever; returns when the socket fails. */
static void listen_to(void *socket, int count, char **topics, const char *welcome) {
    for (;;) {
        zmq_msg_t topic, body;
        zmq_msg_init(&topic);
        zmq_msg_init(&body);
        const bool received = zmq_msg_recv(&topic, socket, 0) >= 0 && zmq_msg_more(&topic) &&
                              zmq_msg_recv(&body, socket, 0) >= 0;
        if (received && is_frame(&topic, welcome)) {
            printf("subscribed\n");
            fflush(stdout);
        }
        /* ZeroMQ subscribes by prefix: who asks for `ana` also gets `anabela`. */
        for (int i = 0; received && i < count; i++)
            if (is_frame(&topic, topics[i])) {
                read_body(&body);
                break;
            }
        zmq_msg_close(&topic);
        zmq_msg_close(&body);
        if (!received && zmq_errno() != EAGAIN) return;
    }
}

int main(int count, char **arguments) {
    const char *proxy = "tcp://127.0.0.1:5558";
    int at = 1;
    if (count > 2 && strcmp(arguments[1], "-p") == 0) {
        proxy = arguments[2];
        at = 3;
    }
    if (at >= count) {
        fputs("usage: subscriber [-p tcp://127.0.0.1:5558] topic …\n", stderr);
        return 2;
    }
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_SUB);
    if (zmq_connect(socket, proxy) != 0) {
        fprintf(stderr, "cannot connect to %s: %s\n", proxy, zmq_strerror(zmq_errno()));
        return 2;
    }
    for (int i = at; i < count; i++) zmq_setsockopt(socket, ZMQ_SUBSCRIBE, arguments[i], strlen(arguments[i]));
    /* Subscribing takes a moment. The proxy answers on a topic of this kind once it knows what was asked before it. */
    char welcome[64];
    snprintf(welcome, sizeof welcome, "servers/welcome/c-%ld", (long)getpid());
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, welcome, strlen(welcome));
    listen_to(socket, count - at, arguments + at, welcome);
    fprintf(stderr, "stopped: %s\n", zmq_strerror(zmq_errno()));
    return 1;
}
