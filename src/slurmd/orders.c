/* What the controller orders: unpacked here, where nothing is lost when the unpacking goes wrong,
 * checked, and handed to the launcher as a fixed head.  The answer is the launcher's. */
#include "slurmd/listener.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "net/rpc.h"
#include "node/hook.h"
#include "node/stepd.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOLD_MAX 16384u /* bytes of one record for slurmstepd */
#define CLIENT_KEY 32
#define IDENT_MAX 8192u

/* 0: the launcher will answer; 1: it is done already; negative: refused. */
typedef int order_fn(struct node_link *k, const struct frame *f, const void *msg,
                     struct chan_head *h, struct err *e);

static int order_launch(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e);
static int order_step(struct node_link *k, const struct frame *f, const void *msg,
                      struct chan_head *h, struct err *e);
static int order_prepare(struct node_link *k, const struct frame *f, const void *msg,
                         struct chan_head *h, struct err *e);
static int order_attach(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e);
static int order_reboot(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e);
static int order_signal(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e);
static int order_end(struct node_link *k, const struct frame *f, const void *msg,
                     struct chan_head *h, struct err *e);

static int order_stop(struct node_link *k, const struct frame *f, const void *msg,
                      struct chan_head *h, struct err *e);

static const struct {
    uint16_t opcode;
    order_fn *fn;
} orders[] = {
    { OP_step_launch, order_launch },   { OP_step_start, order_step },
    { OP_job_prepare, order_prepare },  { OP_step_kill, order_signal },
    { OP_step_reattach, order_attach }, { OP_node_restart, order_reboot },
    { OP_job_end, order_end },          { OP_node_stop, order_stop },
};

static order_fn *order_find(uint16_t opcode)
{
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i].opcode == opcode)
            return orders[i].fn;
    return NULL;
}

static void answer(struct node_link *k, uint16_t opcode, uint32_t request, int code,
                   const char *words)
{
    const struct error_info why = { .code = (uint32_t)code, .text = words };
    const struct empty none = {};

    if (code)
        rpc_refuse(k->conn, opcode, request, &why);
    else
        rpc_send(k->conn, opcode, FRAME_REPLY, request, &desc_empty, &none);
}

/* token: which connection, which opcode, which request; what comes back for an older connection is
 * dropped. */
static uint64_t token_of(const struct node_link *k, const struct frame *f)
{
    return (uint64_t)(k->generation & 0xffff) << 48 | (uint64_t)f->opcode << 32 | f->request;
}

void orders_reply(struct node_link *k, const struct chan_head *h, const char *words, size_t len)
{
    char text[512];

    if (k->state != LINK_UP || h->token >> 48 != (k->generation & 0xffff))
        return;
    snprintf(text, sizeof text, "%.*s", (int)len, words);
    answer(k, (uint16_t)(h->token >> 32), (uint32_t)h->token, h->code, text);
}

void orders_frame(struct node_link *k, const struct frame *f)
{
    const struct rpc *rpc = rpc_find(f->opcode);
    order_fn *fn = order_find(f->opcode);
    struct chan_head h = { .token = token_of(k, f) };
    struct arena a = { 0 };
    struct err e = { 0 };
    void *msg;

    int err = !rpc || !fn ? err_set(&e, EOPNOTSUPP, "slurmd has no request %u", f->opcode)
                          : wire_unpack_new(rpc->request, f->body, f->len, &a, &msg, &e);
    if (err == 0)
        err = fn(k, f, msg, &h, &e);
    if (err > 0)
        answer(k, f->opcode, f->request, 0, "");
    if (err < 0) {
        log_error("request %s: %s", rpc ? rpc->name : "?", e.text);
        answer(k, f->opcode, f->request, -err, e.text);
    }
    arena_fini(&a);
}

static int epoch_check(const struct node_link *k, uint64_t epoch, struct err *e)
{
    if (epoch < k->epoch)
        return err_set(e, ESLURMD_CREDENTIAL_EXPIRED,
                       "an order of epoch %llu, but epoch %llu has begun",
                       (unsigned long long)epoch, (unsigned long long)k->epoch);
    return 0;
}

/* The packed message goes on as it came, in memory that nobody can change any more. */
static int sealed(const struct frame *f, struct err *e)
{
    int fd = memfd_create("launch", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, f->body, f->len) != (ssize_t)f->len ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        int err = err_errno(e, "memory for a launch of %u bytes", f->len);
        if (fd >= 0)
            close(fd);
        return err;
    }
    return fd;
}

/* Is it ours, is it new, and who is it? */
static int launch_check(struct node_link *k, const struct launch *l, uint32_t step_id,
                        struct chan_head *h, struct err *e)
{
    if (strcmp(l->node_name, k->conf->node) != 0)
        return err_set(e, EINVAL, "a launch for node %s came to node %s", l->node_name,
                       k->conf->node);
    h->key = (struct step_key){ l->job_id, step_id, l->restart };
    h->uid = l->uid;
    h->epoch = l->epoch;
    return epoch_check(k, l->epoch, e);
}

/* The packed message goes on behind a descriptor.  Beside it: the identity of a numbered step,
 * which the launcher keeps for us unread, and what hooks may know of the job. */
static int launch_forward(struct node_link *k, const struct frame *f, const struct launch *l,
                          const struct step_ident *ident, struct chan_head *h, struct err *e)
{
    CLEANUP(buf_fini) struct buf words = { 0 };
    CLEANUP(buf_fini) struct buf body = { 0 };

    if (news_has_end(k, &h->key))
        return 1;
    CLEANUP(closep) int fd = sealed(f, e);
    if (fd < 0)
        return fd;
    h->type = CHAN_LAUNCH;
    if (ident)
        wire_pack(&desc_step_ident, ident, &body);
    if (body.len > IDENT_MAX)
        buf_reset(&body); /* a controller that forgot the step would have to do without it */
    h->ident_len = (uint32_t)body.len;
    hook_words(l, &words);
    buf_put(&body, words.data, words.len);
    chan_send(k->chan, h, body.data, body.len, fd);
    return 0;
}

static int order_launch(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e)
{
    const struct launch *l = msg;

    h->value = l->is_single_node;
    int err = launch_check(k, l, l->step_id, h, e);
    return err < 0 ? err : launch_forward(k, f, l, NULL, h, e);
}

/* The end of a numbered step is not the end of its job: value stays 0. */
static int order_step(struct node_link *k, const struct frame *f, const void *msg,
                      struct chan_head *h, struct err *e)
{
    const struct step_launch *s = msg;

    if (!s->job || !s->spec || s->self >= s->parts.n)
        return err_set(e, EBADMSG, "a step without a job or without a part for this node");
    int err = launch_check(k, s->job, s->step_id, h, e);
    if (err < 0)
        return err;
    const struct step_node *part = &s->parts.v[s->self];
    const struct step_ident ident = { .job_id = s->job->job_id,
                                      .step_id = s->step_id,
                                      .restart = s->job->restart,
                                      .epoch = s->job->epoch,
                                      .cpus = part->cpus,
                                      .mem_mb = part->mem_mb,
                                      .tasks = part->tasks,
                                      .name = s->spec->name,
                                      .overlap = s->spec->overlap };
    return launch_forward(k, f, s->job, &ident, h, e);
}

static int order_prepare(struct node_link *k, const struct frame *f, const void *msg,
                         struct chan_head *h, struct err *e)
{
    CLEANUP(buf_fini) struct buf words = { 0 };
    const struct launch *l = msg;

    int err = launch_check(k, l, STEP_ALL, h, e);
    if (err < 0)
        return err;
    h->type = CHAN_PREPARE;
    hook_words(l, &words);
    chan_send(k->chan, h, words.data, words.len, -1);
    return 0;
}

/* ---- to steps that run */

static void told_send(struct node_link *k, struct chan_head *h, enum stepd_word kind,
                      const struct buf *body)
{
    CLEANUP(buf_fini) struct buf record = { 0 };
    const struct stepd_told head = { kind, (uint32_t)body->len };

    buf_put(&record, &head, sizeof head);
    buf_put(&record, body->data, body->len);
    h->type = CHAN_SIGNAL;
    h->value = STEPD_TOLD;
    chan_send(k->chan, h, record.data, record.len, -1);
}

static int order_signal(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e)
{
    const struct step_signal *s = msg;
    const struct buf note = { .data = (uint8_t *)s->note, .len = strlen(s->note) };

    h->key = (struct step_key){ s->job_id, s->step_id, 0 };
    if (note.len > TOLD_MAX)
        return err_set(e, E2BIG, "a note of %zu bytes", note.len);
    if (s->signal == 0 && note.len) {
        told_send(k, h, TOLD_NOTE, &note);
        return 0;
    }
    if (!s->suspend && (s->signal == 0 || s->signal > 64))
        return err_set(e, EINVAL, "no such signal: %u", s->signal);
    h->type = CHAN_SIGNAL;
    h->value = s->suspend ? STEPD_SUSPEND
                          : s->signal | (s->shell_only ? STEPD_SHELL_ONLY : 0) |
                                (s->children_only ? STEPD_CHILDREN_ONLY : 0);
    chan_send(k->chan, h, NULL, 0, -1);
    return 0;
}

static int order_attach(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e)
{
    const struct step_attach *a = msg;
    const struct buf body = { .data = (uint8_t *)f->body, .len = f->len };

    if (f->len > TOLD_MAX || a->client_key.len != CLIENT_KEY)
        return err_set(e, EINVAL, "a client without a key");
    h->key = (struct step_key){ a->job_id, a->step_id, 0 };
    told_send(k, h, TOLD_ATTACH, &body);
    return 0;
}

static int order_end(struct node_link *k, const struct frame *f, const void *msg,
                     struct chan_head *h, struct err *e)
{
    const struct job_terminate *t = msg;

    int err = epoch_check(k, t->epoch, e);
    if (err < 0)
        return err;
    if (f->len > CHAN_BODY_MAX)
        return err_set(e, E2BIG, "the words of the end of job %u are too long", t->job_id);
    h->type = CHAN_END;
    h->key = (struct step_key){ t->job_id, t->step_id.set ? t->step_id.v : STEP_ALL, t->restart };
    h->uid = t->uid;
    h->value = t->kill_wait_s;
    chan_send(k->chan, h, f->body, f->len, -1);
    return 0;
}

/* `scontrol reboot`: what runs here is the controller's business. */
static int order_reboot(struct node_link *k, const struct frame *f, const void *msg,
                        struct chan_head *h, struct err *e)
{
    h->type = CHAN_REBOOT;
    chan_send(k->chan, h, NULL, 0, -1);
    return 0;
}

/* `scontrol shutdown`: as with SIGTERM, steps go on and the next slurmd finds them. */
static int order_stop(struct node_link *k, const struct frame *f, const void *msg,
                      struct chan_head *h, struct err *e)
{
    if (k->state != LINK_UP)
        return err_set(e, EPERM, "a stop from a controller that has not welcomed us");
    log_info("the controller orders slurmd to stop");
    loop_stop(k->loop);
    return 1;
}
