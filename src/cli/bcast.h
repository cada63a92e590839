/* A file to every node of a job: a step whose tasks write what they read. */
#ifndef CLI_BCAST_H
#define CLI_BCAST_H

#include "cli/connect.h"
#include "net/loop.h"
#include "schema/messages.h"

struct bcast {
    struct connection *conn;
    struct loop *loop;
    struct arena *arena;
    const char *tool; /* for what is said */
    uint32_t job_id;
    const char *from, *to;
    bool force, preserve;
};

/* 0, or an exit code; the reasons were told. */
int bcast_send(const struct bcast *b);

#endif
