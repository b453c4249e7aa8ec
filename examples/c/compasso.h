/* A client of Compasso in C: requests over one REQ socket, with ids, retries and a Lamport clock. */
#ifndef COMPASSO_H
#define COMPASSO_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <zmq.h>

typedef struct {
    const char *broker; /* endpoint, for example tcp://127.0.0.1:5555 */
    void *context;
    void *socket;
    uint64_t clock; /* Lamport: +1 before each send, the larger of both on each receive */
} compasso;

/* A field of a request's data. All fields of the chat services are texts. */
typedef struct {
    const char *name;
    const char *text;
} compasso_field;

/* A reply: what was decoded points into the frame, so both live until compasso_free. */
typedef struct {
    zmq_msg_t frame;
    msgpack_unpacked content;
} compasso_reply;

/* Connects; returns false, with errno set, when the endpoint is none. */
bool compasso_open(compasso *client, const char *broker);
void compasso_close(compasso *client);

/*
 * Sends a request, again under the same id when no reply comes or it says that one may try again, for about 15 seconds.
 * Returns the data of the reply, a map inside `reply`, or NULL when nothing came. Either way the caller frees `reply`.
 */
const msgpack_object *compasso_call(compasso *client, const char *service, const compasso_field *fields, size_t count,
                                    compasso_reply *reply);
void compasso_free(compasso_reply *reply);

/* What a map has under a key; NULL when it has nothing or is no map. */
const msgpack_object *compasso_get(const msgpack_object *map, const char *key);

/* Whether a value is this text. */
bool compasso_is(const msgpack_object *value, const char *text);

/* Prints a text (or a number); what could move the cursor is replaced, since anybody may have written it. */
void compasso_print(FILE *out, const msgpack_object *value);

#endif
