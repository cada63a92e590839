/* What running steps use, as their nodes told last: for sstat.  In memory only; what a step used in
 * the end is in its accounting. */
#include "slurmctld/ctld.h"

#include "base/map.h"
#include "base/xalloc.h"
#include "schema/errors.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 65536u /* more are not kept: what is missing shows as nothing */

/* One of a node of a step; a job's are a chain. */
struct sample {
    struct sample *next;
    uint32_t step_id, node;
    struct usage used;
};

struct samples {
    struct map jobs; /* id to struct sample */
    uint32_t count;
};

struct samples *samples_new(void)
{
    return xcalloc(1, sizeof(struct samples));
}

static void drop_job(struct samples *s, uint32_t job_id)
{
    struct sample *at = map_del(&s->jobs, job_id);

    while (at) {
        struct sample *next = at->next;
        free(at);
        s->count--;
        at = next;
    }
}

void samples_free(struct samples *s)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    if (!s)
        return;
    while (map_next(&s->jobs, &at, &key, &value))
        drop_job(s, (uint32_t)key);
    map_fini(&s->jobs);
    free(s);
}

static void put(struct samples *s, uint32_t node, const struct step_info *info)
{
    struct sample *first = map_get(&s->jobs, info->job_id), *it = first;

    while (it && (it->step_id != info->step_id || it->node != node))
        it = it->next;
    if (!it && s->count >= SAMPLES_MAX)
        return;
    if (!it) {
        it = xcalloc(1, sizeof *it);
        *it = (struct sample){ .next = first, .step_id = info->step_id, .node = node };
        map_put(&s->jobs, info->job_id, it);
        s->count++;
    }
    it->used = *info->used;
}

/* Only of jobs that run there; a node's word about others is not kept. */
int do_step_used(struct ctld *c, const struct pending *p, struct err *e)
{
    struct conn *conn = conn_find(c->loop, p->call.conn);
    const struct step_infos *infos = p->in.body;
    uint32_t node;

    if (!conn || !nodes_of(c, conn, &node))
        return err_set(e, ESLURM_INVALID_NODE_NAME, "a node must register first");
    for (uint32_t i = 0; i < infos->steps.n; i++) {
        const struct step_info *info = &infos->steps.v[i];
        if (info->used && core_has_part(c->core, info->job_id, node))
            put(c->samples, node, info);
    }
    turn_hold(c, &p->call, &desc_empty, &(struct empty){});
    return 0;
}

static void add(struct usage *sum, const struct usage *u)
{
    sum->user_us += u->user_us;
    sum->system_us += u->system_us;
    sum->read_bytes += u->read_bytes;
    sum->write_bytes += u->write_bytes;
    sum->max_rss_kb = u->max_rss_kb > sum->max_rss_kb ? u->max_rss_kb : sum->max_rss_kb;
    sum->max_vsize_kb = u->max_vsize_kb > sum->max_vsize_kb ? u->max_vsize_kb : sum->max_vsize_kb;
    sum->max_pages = u->max_pages > sum->max_pages ? u->max_pages : sum->max_pages;
}

void samples_fill(struct ctld *c, struct step_info *info)
{
    const struct sample *it = map_get(&c->samples->jobs, info->job_id);

    for (; it; it = it->next) {
        if (it->step_id != info->step_id)
            continue;
        if (!info->used)
            info->used = arena_alloc(&c->arena, sizeof *info->used);
        add(info->used, &it->used);
    }
}

void samples_note(struct ctld *c, const struct fact *f)
{
    static const uint16_t last[] = { FACT_job_end, FACT_job_done, FACT_job_requeue };

    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        if (f->kind == last[i])
            drop_job(c->samples, *(const uint32_t *)f->body);
}
