/* Requests that wait for something of a job: its nodes, its end, room for a step.
 *
 * The core decides that one waits and never hears who; here it lies, packed, until a fact about its
 * job comes by, and is then asked again like a new one.  Nothing of this survives a restart: the
 * clients ask again by themselves. */
#include "slurmctld/ctld.h"

#include "auth/roles.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDS_KEPT 64u /* failed starts of steps that are remembered for who asks late */

struct wait {
    struct list link; /* of its job */
    struct call call;
    const struct desc *desc;
    struct buf packed;
};

struct waiting {
    struct list waits; /* in the order they came */
    uint32_t job_id;
    bool is_touched;
};

/* Why a node could not start its part of a step. */
struct failed_start {
    uint32_t job_id, step_id;
    char text[200];
};

struct waits {
    struct map jobs;  /* id to struct waiting */
    struct map conns; /* id to how many requests of the connection wait */
    bool is_touched;  /* some job is */
    struct failed_start failed[ENDS_KEPT];
    uint32_t failed_next;
};

struct waits *waits_new(void)
{
    return xcalloc(1, sizeof(struct waits));
}

static void count_conn(struct waits *all, uint64_t conn, intptr_t more)
{
    intptr_t n = (intptr_t)map_get(&all->conns, conn) + more;

    if (n > 0)
        map_put(&all->conns, conn, (void *)n);
    else
        map_del(&all->conns, conn);
}

static void wait_free(struct waits *all, struct wait *w)
{
    count_conn(all, w->call.conn, -1);
    list_remove(&w->link);
    buf_fini(&w->packed);
    free(w);
}

static void waiting_free(struct waits *all, struct waiting *j)
{
    while (!list_empty(&j->waits))
        wait_free(all, list_entry(j->waits.next, struct wait, link));
    free(j);
}

void waits_free(struct waits *w)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    if (!w)
        return;
    while (map_next(&w->jobs, &at, &key, &value))
        waiting_free(w, value);
    map_fini(&w->jobs);
    map_fini(&w->conns);
    free(w);
}

int waits_park(struct ctld *c, const struct call *call, uint32_t job_id, const struct desc *d,
               const void *msg)
{
    struct waiting *j = map_get(&c->waits->jobs, job_id);
    struct wait *w = xcalloc(1, sizeof *w);

    if (!j) {
        j = xcalloc(1, sizeof *j);
        j->job_id = job_id;
        list_init(&j->waits);
        map_put(&c->waits->jobs, job_id, j);
    }
    w->call = *call;
    w->desc = d;
    wire_pack(d, msg, &w->packed);
    list_add_tail(&j->waits, &w->link);
    count_conn(c->waits, call->conn, 1);
    return 1;
}

/* ---- being woken */

static void remember(struct waits *w, uint32_t job_id, const struct step_done *done)
{
    struct failed_start *f = &w->failed[w->failed_next++ % ENDS_KEPT];

    f->job_id = job_id;
    f->step_id = done->step_id;
    snprintf(f->text, sizeof f->text, "%s: %s", done->node, done->error);
}

void waits_recall(struct ctld *c, uint32_t job_id, uint32_t step_id, struct strs *ret)
{
    ret->v = arena_calloc(&c->arena, ENDS_KEPT, sizeof *ret->v);
    for (uint32_t i = 0; i < ENDS_KEPT; i++) {
        const struct failed_start *f = &c->waits->failed[i];
        if (f->job_id == job_id && f->step_id == step_id)
            ret->v[ret->n++] = arena_strdup(&c->arena, f->text);
    }
}

static void touch_all(struct waits *w)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&w->jobs, &at, &key, &value))
        ((struct waiting *)value)->is_touched = true;
    w->is_touched = true;
}

/* Every fact about a job or a step begins with the job's id. */
void waits_note(struct ctld *c, const struct fact *f)
{
    struct waits *w = c->waits;
    const uint32_t *job_id = f->body;

    if (f->kind == FACT_step_part) {
        const struct fact_step_part *part = f->body;
        if (part->step->error && *part->step->error)
            remember(w, part->job_id, part->step);
    }
    if (w->jobs.count == 0)
        return;
    if (f->kind == FACT_node_set) {
        touch_all(w); /* a node that came back may have been what a step waited for */
        return;
    }
    bool is_about_job = (f->kind >= FACT_job_created && f->kind <= FACT_job_forget) ||
                        (f->kind >= FACT_step_created && f->kind <= FACT_step_grown);
    struct waiting *j = is_about_job ? map_get(&w->jobs, *job_id) : NULL;
    if (j)
        j->is_touched = w->is_touched = true;
}

static void ask_again(struct ctld *c, struct wait *w)
{
    struct conn *conn = conn_find(c->loop, w->call.conn);
    void *body = ingest_body(c, w->desc->size);
    struct err e;

    if (conn && wire_unpack(w->desc, w->packed.data, w->packed.len, &c->queue_arena, body, &e) == 0)
        ingest_request(c, conn, &w->call, body);
}

static void wake(struct ctld *c, struct waiting *j)
{
    while (!list_empty(&j->waits)) {
        struct wait *w = list_entry(j->waits.next, struct wait, link);
        ask_again(c, w);
        wait_free(c->waits, w);
    }
    map_del(&c->waits->jobs, j->job_id);
    waiting_free(c->waits, j);
}

void waits_wake(struct ctld *c)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    if (!c->waits->is_touched)
        return;
    c->waits->is_touched = false;
    while (map_next(&c->waits->jobs, &at, &key, &value))
        if (((struct waiting *)value)->is_touched)
            wake(c, value);
}

void waits_closed(struct ctld *c, const struct conn *conn)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    if (!map_get(&c->waits->conns, conn_id(conn)))
        return;
    while (map_next(&c->waits->jobs, &at, &key, &value)) {
        struct waiting *j = value;
        LIST_FOREACH(it, &j->waits) {
            struct wait *w = list_entry(it, struct wait, link);
            if (w->call.conn == conn_id(conn))
                wait_free(c->waits, w);
        }
    }
}
