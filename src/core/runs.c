/* Sets of array tasks as runs of (first, last, step). */
#include "core/array.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "schema/errors.h"
#include "core/job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void add(struct runs *r, struct run run)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 2;
        r->v = xrealloc(r->v, r->cap, sizeof *r->v);
    }
    run.last -= (run.last - run.first) % run.step;
    r->v[r->n++] = run;
}

static bool number(const char **at, uint32_t *ret)
{
    uint64_t n = 0;
    const char *s = *at;

    if (!isdigit((unsigned char)*s))
        return false;
    for (; isdigit((unsigned char)*s); s++)
        if ((n = n * 10 + (uint64_t)(*s - '0')) >= NO_TASK)
            return false;
    *at = s;
    *ret = (uint32_t)n;
    return true;
}

/* "7", "3-9", "0-15:4" */
static bool parse_run(const char **at, struct run *ret)
{
    if (!number(at, &ret->first))
        return false;
    ret->last = ret->first;
    ret->step = 1;
    if (**at != '-')
        return true;
    ++*at;
    if (!number(at, &ret->last) || ret->last < ret->first)
        return false;
    if (**at != ':')
        return true;
    ++*at;
    return number(at, &ret->step) && ret->step > 0;
}

static bool overlaps(const struct runs *r, struct run run)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (run.first <= r->v[i].last && r->v[i].first <= run.last)
            return true;
    return false;
}

/* Overlapping pieces are taken apart task by task, so that no task is in the set twice. */
static bool merge(struct runs *r, struct run run)
{
    if (!overlaps(r, run)) {
        add(r, run);
        return true;
    }
    for (uint32_t t = run.first; t <= run.last; t += run.step) {
        if (!runs_has(r, t))
            add(r, (struct run){ t, t, 1 });
        if (r->n > 65536)
            return false;
    }
    return true;
}

static int by_first(const void *a, const void *b)
{
    const struct run *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static bool parse_all(const char *s, uint32_t size, struct runs *r, uint32_t *limit)
{
    struct run run;

    *limit = 0;
    do {
        if (!parse_run(&s, &run) || run.last >= size || !merge(r, run) || r->n > 65536)
            return false;
    } while (*s == ',' && *++s);
    if (*s == '%') {
        s++;
        if (!number(&s, limit))
            return false;
    }
    return *s == '\0';
}

int runs_parse(const char *text, uint32_t size, struct runs *ret, uint32_t *ret_limit,
               struct err *e)
{
    struct runs r = { 0 };
    const char *brackets = *text == '[' ? strchr(text, ']') : NULL;
    char *plain = brackets ? xstrndup(text + 1, (size_t)(brackets - text) - 1) : xstrdup(text);
    bool is_good = (!brackets || brackets[1] == '\0') && parse_all(plain, size, &r, ret_limit);

    free(plain);
    if (!is_good) {
        runs_fini(&r);
        return err_set(e, ESLURM_INVALID_ARRAY,
                       "asked: --array=%.100s\nindices go from 0 to %u (MaxArraySize - 1), for "
                       "example 0-15:4%%2",
                       text, size - 1);
    }
    qsort(r.v, r.n, sizeof *r.v, by_first);
    *ret = r;
    return 0;
}

struct runs *runs_clone(const struct runs *r)
{
    struct runs *copy = xcalloc(1, sizeof *copy);

    *copy = (struct runs){ .v = xmemdup(r->v, r->n * sizeof *r->v), .n = r->n, .cap = r->n };
    return copy;
}

void runs_fini(struct runs *r)
{
    free(r->v);
    *r = (struct runs){ 0 };
}

void runs_free(struct runs *r)
{
    if (r)
        runs_fini(r);
    free(r);
}

uint32_t runs_count(const struct runs *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->n; i++)
        n += (r->v[i].last - r->v[i].first) / r->v[i].step + 1;
    return n;
}

static bool run_has(const struct run *run, uint32_t task)
{
    return task >= run->first && task <= run->last && (task - run->first) % run->step == 0;
}

bool runs_has(const struct runs *r, uint32_t task)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (run_has(&r->v[i], task))
            return true;
    return false;
}

uint32_t runs_next(const struct runs *r, uint32_t task)
{
    uint32_t best = NO_TASK, least = task == NO_TASK ? 0 : task + 1;

    for (uint32_t i = 0; i < r->n; i++) {
        const struct run *run = &r->v[i];
        uint32_t skip = least > run->first ? (least - run->first + run->step - 1) / run->step : 0;
        uint64_t at = run->first + (uint64_t)skip * run->step;
        if (at <= run->last && at < best)
            best = (uint32_t)at;
    }
    return best;
}

uint32_t runs_first(const struct runs *r)
{
    return runs_next(r, NO_TASK);
}

static void remove_run(struct runs *r, uint32_t i)
{
    memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof *r->v);
    r->n--;
}

/* At either end the run only becomes shorter; in its middle it becomes two. */
void runs_remove(struct runs *r, uint32_t task)
{
    uint32_t i = 0;

    while (i < r->n && !run_has(&r->v[i], task))
        i++;
    if (i == r->n)
        return;
    struct run *run = &r->v[i];
    if (run->first == run->last) {
        remove_run(r, i);
    } else if (task == run->first) {
        run->first += run->step;
    } else if (task == run->last) {
        run->last -= run->step;
    } else {
        struct run upper = { task + run->step, run->last, run->step };
        run->last = task - run->step;
        add(r, upper);
        qsort(r->v, r->n, sizeof *r->v, by_first);
    }
}

char *runs_text(const struct runs *r, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < r->n; i++) {
        buf_printf(&b, "%s%u", i ? "," : "", r->v[i].first);
        if (r->v[i].last > r->v[i].first)
            buf_printf(&b, "-%u", r->v[i].last);
        if (r->v[i].last > r->v[i].first && r->v[i].step > 1)
            buf_printf(&b, ":%u", r->v[i].step);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}
