/* Reads SWF: `;` header lines, then 18 numbers a line. */
#include "sim/trace.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The columns that matter, counted from 0. */
enum { SUBMIT = 1, RUN = 3, ALLOCATED = 4, REQUESTED = 7, LIMIT = 8, USER = 11, COLUMNS = 18 };

#define LINE_MAX_BYTES 4096

static void gzclosep(gzFile *f)
{
    if (*f)
        gzclose(*f);
}

/* Whole part of a decimal number; false when there is none. */
static bool read_number(const char **at, int64_t *ret)
{
    const char *s = *at;
    int64_t n = 0;

    while (isblank((unsigned char)*s))
        s++;
    bool is_negative = *s == '-';
    s += is_negative;
    if (!isdigit((unsigned char)*s))
        return false;
    while (isdigit((unsigned char)*s) && n < INT64_MAX / 100)
        n = n * 10 + (*s++ - '0');
    while (*s && !isspace((unsigned char)*s))
        s++;
    *at = s;
    *ret = is_negative ? -n : n;
    return true;
}

/* "; MaxProcs: 100" */
static void read_header(const char *line, struct trace *t)
{
    const char *at = strstr(line, "MaxProcs:");

    if (at && t->cores == 0)
        t->cores = (uint32_t)strtoul(at + strlen("MaxProcs:"), NULL, 10);
}

static struct sim_job *add_job(struct trace *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 4096;
        t->v = xrealloc(t->v, t->cap, sizeof *t->v);
    }
    return &t->v[t->n++];
}

static void take(struct trace *t, const int64_t *col)
{
    int64_t cores = col[REQUESTED] > 0 ? col[REQUESTED] : col[ALLOCATED];
    int64_t limit = col[LIMIT] > 0 ? col[LIMIT] : col[RUN];
    bool is_cut = col[RUN] > limit;

    if (cores <= 0 || cores > t->cores || col[RUN] < 0) {
        t->left_out++;
        return;
    }
    t->cut += is_cut;
    *add_job(t) = (struct sim_job){ .submit = col[SUBMIT],
                                    .run_s = is_cut ? limit : col[RUN],
                                    .limit_s = limit,
                                    .cores = (uint32_t)cores,
                                    .user = (uint32_t)col[USER] };
}

static int read_line(const char *line, struct trace *t, struct err *e)
{
    int64_t col[COLUMNS];
    const char *at = line;
    unsigned n = 0;

    while (isspace((unsigned char)*at))
        at++;
    if (*at == ';')
        return read_header(at, t), 0;
    if (!*at)
        return 0;
    while (n < COLUMNS && read_number(&at, &col[n]))
        n++;
    if (n < COLUMNS)
        return err_set(e, EINVAL, "expected %u numbers, found %u", COLUMNS, n);
    if (t->cores == 0)
        return err_set(e, EINVAL, "the header does not say MaxProcs: give --cores");
    take(t, col);
    return 0;
}

static int by_submit(const void *a, const void *b)
{
    const struct sim_job *x = a, *y = b;

    return x->submit < y->submit ? -1 : x->submit > y->submit;
}

static bool is_sorted(const struct trace *t)
{
    for (uint32_t i = 1; i < t->n; i++)
        if (t->v[i].submit < t->v[i - 1].submit)
            return false;
    return true;
}

static void freep_trace(struct trace *t)
{
    trace_fini(t);
}

int trace_load(const char *path, uint32_t cores, struct trace *ret, struct err *e)
{
    char line[LINE_MAX_BYTES];
    CLEANUP(gzclosep) gzFile in = gzopen(path, "re");
    CLEANUP(freep_trace) struct trace t = { .cores = cores };

    if (!in)
        return err_errno(e, "open %s", path);
    for (unsigned n = 1; gzgets(in, line, sizeof line); n++) {
        int r = read_line(line, &t, e);
        if (r < 0)
            return err_at(e, r, "%s:%u", path, n);
    }
    if (!gzeof(in))
        return err_set(e, EIO, "%s: cannot be read to its end", path);
    if (t.n == 0)
        return err_set(e, EINVAL, "%s: no job in it", path);
    if (!is_sorted(&t)) /* glibc's qsort is stable */
        qsort(t.v, t.n, sizeof *t.v, by_submit);
    trace_shake(&t, 0, 0);
    *ret = t;
    t = (struct trace){ 0 };
    return 0;
}

void trace_fini(struct trace *t)
{
    free(t->v);
    *t = (struct trace){ 0 };
}

void trace_stretch(struct trace *t, double factor)
{
    for (uint32_t i = 0; i < t->n; i++) {
        struct sim_job *j = &t->v[i];
        j->run_s = (int64_t)((double)j->run_s * factor + 0.5);
        j->limit_s = (int64_t)((double)j->limit_s * factor + 0.5);
    }
}

void trace_shake(struct trace *t, uint32_t seconds, uint64_t seed)
{
    uint64_t random = hash_u64(seed + 1);

    for (uint32_t i = 0; i < t->n; i++) {
        random += 0x9e3779b97f4a7c15u;
        t->v[i].arrival = t->v[i].submit + (int64_t)(hash_u64(random) % ((uint64_t)seconds + 1));
    }
}
