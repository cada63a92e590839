/* What the launcher tells: steps that live, ends, cleaned jobs.  News stay here until the
 * controller answers; the spool keeps ends beyond our death, and the controller asks again for
 * cleaned jobs. */
#include "slurmd/listener.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FOREIGN_GRACE_MS \
    300000 /* reliability.md: a step the controller does not know is killed after 5 minutes */

struct known_step {
    struct list link;
    struct step_key key;
    uint64_t epoch;
    bool is_foreign;
    struct buf ident; /* packed; empty for a batch step */
};

struct report {
    struct list link;
    struct step_key key;
    uint16_t opcode;
    uint32_t request; /* of the last sending */
    uint64_t epoch;   /* of the controller that started the step */
    struct buf body;
};

static void on_step(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
static void on_done(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
static void on_clean(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
static void on_ready(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
static void on_reply(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
static void on_health(struct node_link *k, const struct chan_head *h, const void *body, size_t len);

typedef void news_fn(struct node_link *k, const struct chan_head *h, const void *body, size_t len);

static news_fn *const news[CHAN_TYPES] = {
    [CHAN_REPLY] = on_reply,   [CHAN_STEP] = on_step,   [CHAN_DONE] = on_done,
    [CHAN_CLEAN] = on_clean,   [CHAN_READY] = on_ready, [CHAN_HELLO] = listener_hello,
    [CHAN_HEALTH] = on_health,
};

void news_from_launcher(void *ctx, const struct chan_head *h, const void *body, size_t len, int *fd)
{
    if (h->type == CHAN_LOG && *fd >= 0)
        log_to_fd(TAKE_FD(*fd));
    if (news[h->type])
        news[h->type](ctx, h, body, len);
}

static void on_ready(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    listener_ready(k);
}

static void on_reply(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    orders_reply(k, h, body, len);
}

static void on_health(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    buf_reset(&k->health);
    buf_put(&k->health, body, len);
    if (k->state == LINK_UP)
        loop_set_timer(k->timer, 0); /* a heartbeat now */
}

/* ---- steps */

static struct known_step *step_find(struct node_link *k, const struct step_key *key)
{
    LIST_FOREACH(it, &k->steps) {
        struct known_step *s = list_entry(it, struct known_step, link);
        if (memcmp(&s->key, key, sizeof *key) == 0)
            return s;
    }
    return NULL;
}

static void step_forget(struct known_step *s)
{
    list_remove(&s->link);
    buf_fini(&s->ident);
    free(s);
}

static void on_step(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    struct known_step *s = xcalloc(1, sizeof *s);

    *s = (struct known_step){ .key = h->key, .epoch = h->epoch };
    buf_put(&s->ident, body, len);
    list_add_tail(&k->steps, &s->link);
}

static void ident_of(const struct known_step *s, struct arena *a, struct step_ident *ret)
{
    if (!s->ident.len ||
        wire_unpack(&desc_step_ident, s->ident.data, s->ident.len, a, ret, NULL) < 0)
        *ret = (struct step_ident){ .name = "" };
    ret->job_id = s->key.job_id;
    ret->step_id = s->key.step_id;
    ret->restart = s->key.restart;
    ret->epoch = s->epoch;
}

void news_steps(struct node_link *k, struct arena *a, struct node_register *ret)
{
    uint32_t n = 0;

    LIST_FOREACH(it, &k->steps)
        n++;
    LIST_FOREACH(it, &k->reports)
        n++;
    ret->steps.v = arena_calloc(a, n + 1, sizeof *ret->steps.v);
    LIST_FOREACH(it, &k->steps) {
        const struct known_step *s = list_entry(it, struct known_step, link);
        ident_of(s, a, &ret->steps.v[ret->steps.n++]);
    }
    LIST_FOREACH(it, &k->reports) {
        const struct report *r = list_entry(it, struct report, link);
        if (r->opcode == OP_step_ended)
            ret->steps.v[ret->steps.n++] = (struct step_ident){ .job_id = r->key.job_id,
                                                                .step_id = r->key.step_id,
                                                                .restart = r->key.restart,
                                                                .epoch = r->epoch,
                                                                .name = "" };
    }
}

/* A batch step is its job; a numbered one may be foreign in a job that is not. */
static uint32_t end_of(const struct step_key *key)
{
    return key->step_id < STEP_INTERACTIVE ? key->step_id : STEP_ALL;
}

static void on_foreign_time(void *ctx)
{
    struct node_link *k = ctx;
    struct job_terminate t = { .kill_wait_s = 5,
                               .why = "CANCELLED AT %s: THE CONTROLLER DOES NOT KNOW IT" };
    struct buf body = { 0 };

    LIST_FOREACH(it, &k->steps) {
        struct known_step *s = list_entry(it, struct known_step, link);
        struct chan_head h = { .type = CHAN_END,
                               .key = { s->key.job_id, end_of(&s->key), s->key.restart },
                               .value = 5 };
        if (!s->is_foreign)
            continue;
        log_error("job %u is killed: the controller does not know it", s->key.job_id);
        t.job_id = s->key.job_id;
        t.restart = s->key.restart;
        buf_reset(&body);
        wire_pack(&desc_job_terminate, &t, &body);
        chan_send(k->chan, &h, body.data, body.len, -1);
    }
    buf_fini(&body);
}

void news_foreign(struct node_link *k, const struct node_welcome *w)
{
    LIST_FOREACH(it, &k->steps)
        list_entry(it, struct known_step, link)->is_foreign = false;
    for (uint32_t i = 0; i < w->foreign.n; i++) {
        const struct step_ident *f = &w->foreign.v[i];
        struct step_key key = { f->job_id, f->step_id, f->restart };
        struct known_step *s = step_find(k, &key);
        if (!s)
            continue;
        s->is_foreign = true;
        log_error("the controller does not know job %u; it is killed in 5 minutes", f->job_id);
    }
    loop_remove_timer(k->foreign_timer);
    k->foreign_timer =
        w->foreign.n ? loop_add_timer(k->loop, FOREIGN_GRACE_MS, on_foreign_time, k) : NULL;
}

/* ---- reports */

static void report_send(struct node_link *k, struct report *r)
{
    if (k->state != LINK_UP)
        return;
    r->request = ++k->next_request;
    conn_send(k->conn, r->opcode, 0, r->request, r->body.data, r->body.len);
}

static void report_new(struct node_link *k, uint16_t opcode, const struct chan_head *h,
                       const struct desc *d, const void *msg)
{
    struct report *r = xcalloc(1, sizeof *r);

    *r = (struct report){ .key = h->key, .opcode = opcode, .epoch = h->epoch };
    wire_pack(d, msg, &r->body);
    list_add_tail(&k->reports, &r->link);
    report_send(k, r);
}

static void report_free(struct report *r)
{
    list_remove(&r->link);
    buf_fini(&r->body);
    free(r);
}

static void on_done(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    struct known_step *s = step_find(k, &h->key);
    struct arena a = { 0 };
    struct step_done done = { 0 };

    if (s)
        step_forget(s);
    /* Without a result of slurmstepd's: it was killed, or never started; that counts as signal 9.
     */
    if (h->code != 0 || wire_unpack(&desc_step_done, body, len, &a, &done, NULL) < 0)
        done = (struct step_done){
            .wait_status = SIGKILL,
            .error = len ? arena_strndup(&a, body, len) : "slurmstepd was killed",
            .error_code = h->code ? (uint32_t)h->code : ESLURMD_SESSION_KILLED,
            .end_time = clock_wall_s(),
        };
    done.job_id = h->key.job_id;
    done.step_id = h->key.step_id;
    done.restart = h->key.restart;
    done.node = k->conf->node;
    done.is_clean = h->value;
    report_new(k, OP_step_ended, h, &desc_step_done, &done);
    arena_fini(&a);
}

static void on_clean(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    struct arena a = { 0 };
    struct job_clean clean = { .job_id = h->key.job_id,
                               .restart = h->key.restart,
                               .node = k->conf->node,
                               .error = arena_strndup(&a, body, len) };

    report_new(k, OP_job_cleaned, h, &desc_job_clean, &clean);
    arena_fini(&a);
}

bool news_has_end(struct node_link *k, const struct step_key *key)
{
    LIST_FOREACH(it, &k->reports) {
        const struct report *r = list_entry(it, struct report, link);
        if (r->opcode == OP_step_ended && memcmp(&r->key, key, sizeof *key) == 0)
            return true;
    }
    return false;
}

void news_resend(struct node_link *k)
{
    LIST_FOREACH(it, &k->reports)
        report_send(k, list_entry(it, struct report, link));
}

/* An error is the controller's last word only when it does not know the job; anything else is said
 * again on the next connection. */
bool news_answered(struct node_link *k, const struct frame *f)
{
    LIST_FOREACH(it, &k->reports) {
        struct report *r = list_entry(it, struct report, link);
        struct chan_head h = { .type = CHAN_ACK, .key = r->key };
        if (r->request != f->request || r->opcode != f->opcode)
            continue;
        if (f->flags & FRAME_ERROR)
            log_error("the controller does not take the end of job %u", r->key.job_id);
        if (r->opcode == OP_step_ended)
            chan_send(k->chan, &h, NULL, 0, -1);
        report_free(r);
        return true;
    }
    return false;
}

void news_drop(struct node_link *k)
{
    LIST_FOREACH(it, &k->reports)
        report_free(list_entry(it, struct report, link));
    LIST_FOREACH(it, &k->steps)
        step_forget(list_entry(it, struct known_step, link));
}
