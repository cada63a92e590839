/* The client's end of a step: nodes dial in, output comes out, input goes in (docs/steps.md).
 * srun and sattach are what stands around it. */
#ifndef CLI_STEP_IO_H
#define CLI_STEP_IO_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/connect.h"
#include "cli/sink.h"
#include "net/conn.h"
#include "schema/messages.h"

#define STEP_KEY_LEN 32
#define TASK_ALL UINT32_MAX

struct step_io_ops {
    void (*hello)(void *ctx, uint32_t self, const struct io_hello *hello);
    void (*exited)(void *ctx, uint32_t self, const struct io_exit *exit);
    void (*gone)(void *ctx, uint32_t self);     /* this node is through, or lost */
    void (*noted)(void *ctx, const char *text); /* may be NULL: words that are shown anyway */
};

struct io_node {
    const char *name;
    uint64_t conn; /* 0: none now */
    bool was_seen, is_gone;
    uint64_t untaken; /* input that was sent and that its slowest task has not taken */
};

struct line {
    struct buf part; /* of a labelled stream: the line that has no end yet */
};

struct step_io {
    struct loop *loop;
    const struct step_io_ops *ops;
    void *ctx;
    uint8_t key[STEP_KEY_LEN];
    char *address; /* for step_spec.client_addr */
    struct listener *tcp, *local;
    struct arena arena; /* of one frame */

    /* Known from step_io_begin on; nothing is read from a node before. */
    uint32_t job_id, step_id;
    struct io_node *nodes;
    uint32_t node_count, seen, gone, lost; /* lost: gone before they were seen */
    struct buf fence; /* what nodes brought to the fence so far */
    uint32_t at_fence;
    uint32_t *node_of;                     /* by task */
    uint32_t ntasks;

    struct sink out, err;
    bool is_one; /* err goes to where out goes */
    bool is_label;
    int label_width;
    struct line *lines;          /* two for each task, when labelled */
    uint32_t only_out, only_err; /* a task, or TASK_ALL: whose streams are shown */

    struct loop_fd *in; /* NULL: nothing is read now */
    int in_fd;          /* -1: no input, or its end was sent */
    uint32_t in_task;   /* TASK_ALL: everybody gets it */
    bool is_guest;      /* the end of our input is not the tasks' (sattach) */
};

/* How other machines reach us. */
struct step_place {
    char host[256];
    uint16_t first_port, last_port; /* SrunPortRange; 0: any */
};
void step_place_find(struct step_place *p, const struct connection *conn);

int step_io_open(struct step_io *io, struct loop *l, const struct step_place *at, struct err *e);
void step_io_close(struct step_io *io);
void step_io_begin(struct step_io *io, const struct step_created *step);
void step_io_read(struct step_io *io, int fd, uint32_t task); /* from now on this is the input */

void step_io_resume(struct step_io *io); /* in the foreground again */

void step_io_signal(struct step_io *io, uint32_t task, int signo);
void step_io_window(struct step_io *io, uint32_t rows, uint32_t cols);
bool step_io_is_through(const struct step_io *io);    /* all nodes gone, all output out */
void step_io_lose(struct step_io *io, uint32_t self); /* will never come */

#endif
