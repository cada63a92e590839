/* Jobs: what the core remembers of each, and the only function that moves them (HOUSE section 4).
 */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "base/slab.h"
#include "core/pool.h"
#include "core/queue.h"
#include "core/tres.h"
#include "schema/fact.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

enum phase { PHASE_PENDING, PHASE_RUNNING, PHASE_ENDING, PHASE_DONE, PHASE_GONE, PHASE_COUNT };

enum result {
    RESULT_NONE,
    RESULT_COMPLETED,
    RESULT_FAILED,
    RESULT_CANCELLED,
    RESULT_TIMEOUT,
    RESULT_NODE_FAIL,
    RESULT_PREEMPTED,
    RESULT_BOOT_FAIL,
    RESULT_DEADLINE,
    RESULT_OUT_OF_MEMORY,
    RESULT_REQUEUED,
};

enum hold { HOLD_NONE, HOLD_USER, HOLD_ADMIN, HOLD_MAX_REQUEUE };

#define REASON(name, text) REASON_##name,
enum reason {
#include "schema/reasons.def"
    REASON_COUNT
};
#undef REASON

enum job_bit {
    JOB_BATCH = 1,
    JOB_CAN_REQUEUE = 2,       /* --requeue, or JobRequeue */
    JOB_KILL_BAD_DEP = 4,      /* --kill-on-invalid-dep=yes, or the configuration */
    JOB_BEGUN = 8,             /* its begin time has passed */
    JOB_WILL_REQUEUE = 16,     /* goes back to the queue once clean */
    JOB_HOLD_AFTER = 32,       /* ... and is held there by its owner */
    JOB_ADMIN_HOLD_AFTER = 64, /* ... or by an administrator */
    JOB_SPECIAL_EXIT = 128,    /* shown as SPECIAL_EXIT while held */
    JOB_REQUEUED_HOLD = 256,   /* shown as REQUEUE_HOLD while held */
    JOB_NO_KILL = 512,
    JOB_LIMIT_ASKED = 1024, /* --time was given, it is not the partition's default */
    JOB_PRIO_DIRECT = 2048, /* priority set by hand */
    JOB_LATE = 4096,        /* has waited for few switches long enough */
};

#define NO_TASK UINT32_MAX
#define NO_LIMIT UINT32_MAX

struct core;
struct array;
struct assoc;
struct part;
struct promise;
struct step;
struct qos;
struct gauge;

/* The rules that a job is under; NULL: none of that kind. */
struct standing {
    struct assoc *assoc;
    struct qos *qos, *part_qos;
};

/* What a running job holds, as its owners count it (limits.h). */
struct running {
    struct amounts all;
    int64_t start, end; /* its time limit's end */
};

struct job {
    uint32_t id;
    uint32_t array_id; /* 0: no array */
    uint32_t task;     /* NO_TASK: not a single task of one */
    uint8_t phase, result, hold, reason;
    uint16_t flags; /* enum job_bit */
    uint16_t restarts;
    uint8_t limit_cut_s; /* what an update of EndTime took off the limit's last minute */
    uint32_t uid, gid;
    uint32_t base; /* priority before nice */
    int32_t nice;
    uint32_t limit_min, min_limit_min;
    int32_t exit_code;
    uint32_t killed_by; /* uid + 1 */
    int64_t submit, begin, eligible, start, end, ended_at, deadline;
    uint64_t db_id;
    uint64_t script, environment;
    const char *name, *user, *account, *qos, *wckey, *comment, *admin_comment,
        *failed_node; /* of core.texts */
    struct wish *wish;
    struct bytes cold; /* of core.texts */
    struct job_dep *deps;
    uint32_t dep_count;
    struct step *steps;    /* core/step.h */
    uint32_t next_step;    /* number of its next step */
    int32_t derived_exit;  /* wait status: the worst of its steps */
    struct runs *rest; /* tasks not yet split off; NULL: not the rest of an array */
    struct fact_job_alloc
        *alloc;            /* one block; NULL while pending and once everything was given back */
    struct last_run *last; /* what it had, once it was given back; NULL: it never ran */
    struct job *same_next, *same_prev; /* ring of the user's jobs of this name; NULL: done */
    uint32_t timer_at;                 /* place in core.timers */
    bool is_queued;                    /* in the queues of its partitions */
    bool is_waiting;                   /* in the index of those that depend on others */
    struct promise *promise;           /* NULL: none */
    int64_t planned_end;               /* until when the plan has its nodes taken; not state */
    int64_t tried;                     /* when the scheduler last looked at it; not state */
    struct standing standing; /* meaningful while staked */
    uint32_t staked;          /* tasks that its owners count as submitted */
    struct running *running;  /* what they count as running; NULL: it does not run */
    struct gauge *parked;     /* the counter it waits at, out of its queues; not state */
    uint8_t parked_why;       /* enum reason; also of one whose placement was too large */
    struct slab_ref self;
};

/* What accounting and squeue still want to know of an allocation that was given back. */
struct last_run {
    uint64_t mem_mb;
    uint32_t cpus, nodes;
    const char *partition, *tres; /* of core.texts */
    char text[];                  /* host list */
};

enum job_effect {
    NONE = 0,
    LAUNCH = 1,
    ACCOUNT = 2,
    ACCOUNT_STEP = 4,
    TERMINATE = 8,
    FREE_NODE = 16,
    FREE_ALL = 32,
    WAKE = 64,
    DROP = 128
};

struct move {
    bool is_legal;
    uint8_t next;
    uint8_t effects; /* enum job_effect */
};

/* The row for (phase, fact kind); is_legal false when there is none. */
const struct move *job_move(unsigned phase, unsigned fact);
/* Base state number and flag bits as Slurm's users see them. */
void job_view(const struct job *job, uint32_t *ret_state, uint32_t *ret_flags);
const char *reason_name(unsigned reason);
const char *reason_text(unsigned reason);

uint32_t job_priority(const struct job *job);                             /* 0 when held */
struct queue_key job_key_in(const struct job *job, const struct part *p); /* its place there */
int64_t job_limit_end(const struct job *job);    /* of a running job; 0: it has no limit */
int64_t job_switches_due(const struct core *c,
                         const struct job *job); /* when it waits for few switches no more */
int64_t job_limit_due(const struct core *c, const struct job *job); /* with OverTimeLimit */
int64_t job_deadline_due(const struct job *job); /* when its deadline ends it; INT64_MAX: never */
int64_t job_end_due(const struct core *c, const struct job *job);   /* of a running job */
int64_t job_timer_due(const struct core *c, const struct job *job); /* INT64_MAX: no timer */
bool job_is_ready(const struct core *c, const struct job *job);     /* it could be queued */

struct job *job_find(const struct core *c, uint32_t id);
struct job *job_new(struct core *c, const struct job_record *rec);
void job_free(struct core *c, struct job *job);
struct job_record job_to_record(const struct job *job, struct arena *a);
/* Puts the job in or out of its queues and re-arms its timer, as its present state says. */
void job_settle(struct core *c, struct job *job);

uint32_t alloc_cpus(const struct alloc_node *part);
void job_give_back(struct core *c, struct job *job, struct alloc_node *part);
void job_occupy(struct core *c, struct job *job); /* what job->alloc says is not clean */
void job_unqueue(
    struct core *c,
    struct job *job); /* before anything that its place in a queue depends on changes */
struct job *single_first(const struct core *c, const struct job *job); /* of its ring; NULL: none */
void single_enter(struct core *c, struct job *job);
void single_leave(struct core *c, struct job *job);  /* it no longer holds up singletons */
void job_keep_last(struct core *c, struct job *job); /* the allocation becomes a memory of it */

#endif
