/* Job arrays: one record for all tasks until they start.
 *
 * The rest of an array is a list of runs (first, last, step), so a million tasks cost 12 bytes.  A
 * task that starts, or that is treated on its own, is split off and becomes a job with a raw id of
 * its own; the last one keeps the record. */
#ifndef CORE_ARRAY_H
#define CORE_ARRAY_H

#include "base/arena.h"
#include "base/err.h"
#include "core/ids.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;

struct run {
    uint32_t first, last, step; /* last is a member */
};

struct runs {
    struct run *v;
    uint32_t n, cap;
};

struct array {
    uint32_t id;
    uint32_t min, max, step, count; /* as submitted, for the environment of tasks */
    uint32_t limit;                 /* tasks that may run at once; 0: any number */
    uint32_t running;               /* running or ending */
    uint32_t done, failed;          /* failed counts among the done */
    struct ids jobs;                /* records that still live */
    struct ids pending;             /* of these, the ones that wait; the limit is asked for each */
    uint8_t *ok,
        *bad; /* bitmaps over task numbers, of max + 1 bits; made when the first task ends */
};

/* "0-15:4,20%2".  The limit is 0 when none was written.  Every index must be below `size`. */
int runs_parse(const char *text, uint32_t size, struct runs *ret, uint32_t *ret_limit,
               struct err *e);
struct runs *runs_clone(const struct runs *r);
void runs_free(struct runs *r); /* accepts NULL */
void runs_fini(struct runs *r);
uint32_t runs_count(const struct runs *r);
uint32_t runs_first(const struct runs *r);
bool runs_has(const struct runs *r, uint32_t task);
void runs_remove(struct runs *r, uint32_t task);
char *runs_text(const struct runs *r, struct arena *a); /* "0-9:2,12" */
/* The next member after `task`, or NO_TASK; start with NO_TASK. */
uint32_t runs_next(const struct runs *r, uint32_t task);

struct array *array_find(const struct core *c, uint32_t id);
void array_join(struct core *c, struct job *job);  /* a record of it came to be */
void array_leave(struct core *c, struct job *job); /* a record is forgotten */
void array_release(struct core *c,
                   uint32_t id); /* frees it once no record lives and no job depends on it */
void array_begin(struct core *c, const struct job *rest,
                 uint32_t limit); /* after array_join of a new array */
void array_split(struct core *c, struct job *rest, const struct fact_job_split *f);
void array_load(struct core *c, const struct fact_array *f);
void array_moved(struct core *c, const struct job *job, unsigned from); /* its phase changed */
void array_settle(struct core *c,
                  const struct job *job); /* room may have come or gone for those that wait */
void array_task_done(struct core *c, const struct job *job);
void array_task_again(struct core *c, const struct job *job); /* an ended task was requeued */
void array_free(struct array *a);
bool array_has_room(const struct core *c,
                    const struct job *job); /* the % limit lets one more run */
struct job *array_task(const struct core *c, uint32_t array_id,
                       uint32_t task);                           /* split off already; or NULL */
struct job *array_rest(const struct core *c, uint32_t array_id); /* NULL when all are split off */
enum array_outcome { OUTCOME_OPEN, OUTCOME_OK, OUTCOME_BAD };
enum array_outcome array_outcome(const struct array *a, uint32_t task);

#endif
