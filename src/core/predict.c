/* The last two run times of each user; the idea is explained in predict.h. */
#include "core/predict.h"

#include "base/xalloc.h"
#include "core/bf.h"
#include "core/state.h"

#include <stdlib.h>

struct last_two {
    uint32_t uid;
    int64_t last_s, before_s; /* before_s -1: there was but one */
};

static struct last_two *ensure(struct core *c, uint32_t uid)
{
    struct last_two *two = map_get(&c->last_runs, uid);

    if (two)
        return two;
    two = xcalloc(1, sizeof *two);
    *two = (struct last_two){ .uid = uid, .last_s = -1, .before_s = -1 };
    map_put(&c->last_runs, uid, two);
    return two;
}

void predict_note(struct core *c, const struct job *job)
{
    struct last_two *two = ensure(c, job->uid);

    two->before_s = two->last_s;
    two->last_s = job->end > job->start ? job->end - job->start : 0;
}

void predict_load(struct core *c, const struct fact_last_runs *f)
{
    struct last_two *two = ensure(c, f->uid);

    two->last_s = f->last_s;
    two->before_s = f->before_s;
}

int64_t predict_length(const struct core *c, const struct job *job, int64_t limit_s)
{
    const struct last_two *two;

    if (!bf_of(c)->predict || c->is_guarded || !(two = map_get(&c->last_runs, job->uid)))
        return limit_s;
    int64_t s = two->before_s < 0 ? two->last_s : (two->last_s + two->before_s) / 2;
    s = s > 1 ? s : 1;
    return s < limit_s ? s : limit_s;
}

static int by_uid(const void *a, const void *b)
{
    const struct last_two *const *x = a, *const *y = b;

    return (*x)->uid < (*y)->uid ? -1 : 1;
}

/* In order of uid: a snapshot depends on the state alone. */
void predict_dump(const struct core *c, void (*emit)(void *ctx, const struct fact_last_runs *f),
                  void *ctx)
{
    const struct last_two **all = xcalloc(c->last_runs.count + 1, sizeof *all);
    uint32_t n = 0, at = 0;
    uint64_t key;
    void *value;

    while (map_next(&c->last_runs, &at, &key, &value))
        all[n++] = value;
    qsort(all, n, sizeof *all, by_uid);
    for (uint32_t i = 0; i < n; i++) {
        struct fact_last_runs f = { .uid = all[i]->uid,
                                    .last_s = all[i]->last_s,
                                    .before_s = all[i]->before_s };
        emit(ctx, &f);
    }
    free(all);
}

void predict_fini(struct core *c)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&c->last_runs, &at, &key, &value))
        free(value);
    map_fini(&c->last_runs);
}
