/* Asks a Compasso cluster for one thing, or everything once: client [-b tcp://host:5555] command … */
#include "compasso.h"

#include <string.h>

static const char *const USAGE =
    "usage: client [-b tcp://127.0.0.1:5555] command\n"
    "  login USER                   log in; a new user is created\n"
    "  users                        list users\n"
    "  channel CHANNEL              create a channel\n"
    "  channels                     list channels\n"
    "  publish USER CHANNEL TEXT    publish in a channel\n"
    "  message SRC DST TEXT         send a direct message\n"
    "  history CHANNEL              what was published there, the newest 50\n"
    "  demo USER CHANNEL            log in, create the channel, publish, and read it back\n";

/* The services and what their arguments are called. */
static const struct {
    const char *service;
    const char *names[3];
} COMMANDS[] = {
    {"login", {"user"}},      {"users", {NULL}},
    {"channel", {"channel"}}, {"channels", {NULL}},
    {"history", {"channel"}}, {"publish", {"user", "channel", "message"}},
    {"message", {"src", "dst", "message"}},
};

static void print_item(const msgpack_object *item) {
    if (item->type != MSGPACK_OBJECT_MAP) {
        compasso_print(stdout, item);
    } else {
        fputs("[", stdout);
        compasso_print(stdout, compasso_get(item, "channel"));
        fputs("] ", stdout);
        compasso_print(stdout, compasso_get(item, "user"));
        fputs(": ", stdout);
        compasso_print(stdout, compasso_get(item, "message"));
    }
    fputs("\n", stdout);
}

/* Prints a reply; returns the exit code. */
static int show(const char *service, const msgpack_object *data) {
    if (data == NULL) {
        fprintf(stderr, "no reply to %s; is the cluster running?\n", service);
        return 1;
    }
    if (compasso_is(compasso_get(data, "status"), "erro")) {
        compasso_print(stderr, compasso_get(data, "code"));
        fputs(": ", stderr);
        compasso_print(stderr, compasso_get(data, "description"));
        fputs("\n", stderr);
        return 1;
    }
    const msgpack_object *list = compasso_get(data, strcmp(service, "history") == 0 ? "items" : service);
    if (list != NULL && list->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < list->via.array.size; i++) print_item(&list->via.array.ptr[i]);
    } else {
        compasso_print(stdout, compasso_get(data, "status"));
        fputs("\n", stdout);
    }
    return 0;
}

/* Runs a command with its arguments; returns the exit code, 2 when it was called wrongly. */
static int run(compasso *client, const char *service, int count, char **arguments) {
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (strcmp(COMMANDS[i].service, service) != 0) continue;
        compasso_field fields[3];
        int wanted = 0;
        while (wanted < 3 && COMMANDS[i].names[wanted] != NULL) wanted++;
        if (count != wanted) break;
        for (int n = 0; n < wanted; n++) fields[n] = (compasso_field){COMMANDS[i].names[n], arguments[n]};
        compasso_reply reply;
        const int code = show(service, compasso_call(client, service, fields, (size_t)wanted, &reply));
        compasso_free(&reply);
        return code;
    }
    fputs(USAGE, stderr);
    return 2;
}

static int demo(compasso *client, char *user, char *channel) {
    const int failed = run(client, "login", 1, &user) || run(client, "channel", 1, &channel) ||
                       run(client, "publish", 3, (char *[]){user, channel, "Hello from C"}) ||
                       run(client, "history", 1, &channel);
    printf("clock %llu\n", (unsigned long long)client->clock);
    return failed;
}

int main(int count, char **arguments) {
    const char *broker = "tcp://127.0.0.1:5555";
    int at = 1;
    if (count > 2 && strcmp(arguments[1], "-b") == 0) {
        broker = arguments[2];
        at = 3;
    }
    if (at >= count) {
        fputs(USAGE, stderr);
        return 2;
    }
    compasso client;
    if (!compasso_open(&client, broker)) {
        fprintf(stderr, "cannot connect to %s: %s\n", broker, zmq_strerror(zmq_errno()));
        return 2;
    }
    const bool is_demo = strcmp(arguments[at], "demo") == 0 && count - at == 3;
    const int code = is_demo ? demo(&client, arguments[at + 1], arguments[at + 2])
                             : run(&client, arguments[at], count - at - 1, arguments + at + 1);
    compasso_close(&client);
    return code;
}
