/* slurmstepd-io: one process between the tasks of a step on this node and the step's clients. */
#ifndef SLURMSTEPD_IO_H
#define SLURMSTEPD_IO_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "net/conn.h"
#include "slurmstepd/io_link.h"
#include <stdbool.h>

#define IO_CHUNK (256u << 10) /* one read */

/* A task as its clients are told of it. */
struct io_task {
    uint32_t rank, pid;
    bool has_exit;
    struct io_msg exit;
    bool is_ended[3]; /* the end of this stream was told */
};

/* Output of a task: read only while the client takes it. */
struct io_source {
    struct list link;
    struct io *io;
    struct io_task *task;
    uint32_t stream;
    int fd;
    struct loop_fd *watch;
};

/* Input of a task. */
struct io_sink {
    struct list link;
    struct io *io;
    struct io_task *task;
    int fd;
    bool is_terminal, is_ending; /* is_ending: close when all is written */
    struct buf pending;          /* from `at` on */
    size_t at;
    struct loop_fd *watch;
};

struct io_client {
    struct list link;
    struct io *io;
    bool is_first; /* srun; the others are sattach */
    bool is_ready, is_closing;
    char *places, *place; /* still to be tried, cut at commas; the one that is tried */
    uint8_t key[32];
    struct conn *conn;
    struct loop_timer *again;
    char why[200];
};

struct io_pmi;
struct io_pmix;

struct io {
    struct loop *loop;
    struct arena arena;
    const struct step_launch *order;
    struct io_task *tasks;
    uint32_t task_count;
    struct loop_fd *link;
    struct list sources, sinks, clients;
    bool is_started;            /* every task is known: clients may hear of them */
    bool is_paused;             /* the first client does not take output for now */
    bool is_ending;             /* nothing lives any more */
    bool is_lost;               /* the first client is gone, and slurmstepd knows */
    uint64_t in_total, in_told; /* input: bytes that came; those that the client heard were taken */
    int64_t dial_until_ns;
    uint8_t *chunk;
    struct io_pmi *pmi; /* NULL: no task speaks PMI */
    struct io_pmix *pmix;
};

struct io_task *io_task_of(struct io *io, uint32_t rank);
void io_tell(struct io *io, const struct io_msg *m); /* to slurmstepd */

/* io_client.c */
void client_open(struct io *io, const char *places, const uint8_t *key, bool is_first);
/* To all that listen. */
void clients_send(struct io *io, uint16_t opcode, const struct desc *d, const void *msg);
void exit_send(struct io *io, const struct io_task *t);
void clients_begin(struct io *io);  /* all tasks are known: greet whoever waits */
void clients_settle(struct io *io); /* all is said: good-bye to those that have it all */
/* Is there room for more output?  Without a first client for good, always: it is dropped. */
bool clients_take(struct io *io);

/* To the first one only; false when it is not there yet. */
bool first_send(struct io *io, uint16_t opcode, const struct desc *d, const void *msg);

/* io_pmi.c */
void pmi_add(struct io *io, const struct io_task *t, int fd);
void pmi_fence_send(struct io *io); /* when every task here is at the fence and nobody was told */
void pmi_fence_take(struct io *io, const struct io_fence *f);

/* io_pmix.c: launch is the order's descriptor. */
int pmix_start(struct io *io, int launch);
void pmix_end(struct io *io);
void pmix_fence_send(struct io *io);
void pmix_fence_take(struct io *io, const struct io_fence *f);

/* io_stream.c */
void source_add(struct io *io, struct io_task *t, uint32_t stream, int fd);
void sink_add(struct io *io, struct io_task *t, int fd, bool is_terminal);
void sources_resume(struct io *io);
void sources_pause(struct io *io);
void input_take(struct io *io, const struct io_data *d);
void terminal_resize(struct io *io, const struct io_control *c);

#endif
