/* All state of the core.  Only core_apply and what it calls changes it; the scheduler's memory is
 * marked. */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "base/heap.h"
#include "base/intern.h"
#include "base/map.h"
#include "base/slab.h"
#include "core/array.h"
#include "schema/errors.h"
#include "core/core.h"
#include "core/deps.h"
#include "core/grown.h"
#include "core/job.h"
#include "core/license.h"
#include "core/node.h"
#include "core/part.h"
#include "core/pool.h"
#include "core/prio_job.h"
#include "core/limits.h"
#include "core/queue.h"
#include "core/topo.h"
#include "core/resv.h"
#include "core/rules.h"

/* A submission that is remembered, so that a retry gets the same answer. */
struct key_memory {
    uint64_t key;
    int64_t time;
    uint32_t job_id;
};

struct core {
    struct core_conf *conf; /* one block; lists of nodes and partitions included */
    struct intern names;    /* of nodes and partitions: bounded by the configuration */
    struct pool texts;      /* of jobs */
    struct wishes wishes;

    struct node **nodes; /* by index; never removed */
    uint32_t node_count;
    struct smap node_names;
    struct part **parts;
    uint32_t part_count;
    struct smap part_names;
    struct licenses licenses;
    struct topo topo;
    struct resv **resvs; /* in order of creation */
    uint32_t resv_count;

    struct slab job_slab;
    struct map job_ids; /* id to struct job */
    struct queue jobs;  /* all of them by id (rank 0) */
    struct map arrays;  /* id to struct array */
    struct map tasks;   /* array id << 32 | task, to struct job: those split off */
    struct map waiting; /* target id to struct ids: who depends on it */
    struct map singles; /* hash of (uid, name) to a ring of jobs that are not done, for singleton */
    struct ids doomed;  /* pending jobs whose dependencies cannot be met and that shall be killed */

    struct queue promised;   /* jobs that hold a promise, best first */
    struct map last_runs;    /* uid to how long its last jobs took (predict.c) */

    struct heap timers; /* of jobs: key is time << 26 | id, so ties repeat exactly */
    struct heap node_timers;

    struct key_memory *keys; /* oldest first */
    uint32_t keys_n, keys_cap;
    struct map key_index; /* key to job id */

    uint32_t next_id, ids_end;
    uint32_t prio_next;
    struct fairshare *shares; /* who has used how much */
    struct rulebook *rules;   /* slurmdbd's, as we know it */
    int64_t usage_reset_at;   /* when usage was last forgotten, or began */
    int64_t prio_at;          /* when the last period of priorities began; 0: none did */
    uint32_t prio_cursor;     /* the job that its next slice begins with; 0: it is over */
    uint64_t acct_seq, db_next;
    int64_t now; /* of the last fact */
    uint32_t phase_count[PHASE_COUNT];

    /* Memory that is not state: never hashed, never written. */
    struct prio_conf prio; /* read from conf */
    struct prio_whole prio_whole;
    struct arena prio_texts;
    struct tres_table tres; /* read from conf, as the next */
    uint32_t enforce;       /* enum enforce_bit */
    struct gauge stuck;     /* jobs that only a change of the rules can help wait here */
    struct gauge timed;     /* those that time helps wait here */
    int64_t timed_at;       /* when they were last looked at; 0: something ended since */
    int64_t sched_now;      /* of the last slice of scheduling */
    bool has_timed_held;    /* a job that stays in its queues waits for time, too */
    bool is_touched;        /* a job held by its placement may have room: look at everything */
    struct gauge **freed;   /* counters under which something ended, and jobs wait */
    uint32_t freed_n, freed_cap;
    bool ids_stale; /* facts came from a journal: the next id must come from a fresh block */
    bool is_dirty;  /* some partition is */
    struct queue_key cursor; /* where the pass goes on */
    uint64_t shape_gen;      /* raised when resources may have grown: verdicts on wishes are void */
    uint64_t fleet_gen;      /* raised when nodes come, go or change their kind */
    struct arena scratch;    /* one scheduling step */
    struct backfill *backfill; /* where its pass is */
    struct plan *plan;         /* what is free when */
    struct bf *bf;             /* read from conf */
    bool is_guarded;           /* predictions do not count now */
    struct grown grown;        /* where more became free lately */
    uint64_t void_gen;         /* raised when anything else may let jobs start */
    uint32_t lifted;           /* promises that are not in the plan */
    uint64_t passes, considered, started;
};

#define KEY_MEMORY_S 600 /* how long a submission is remembered */
#define PRIO_FIRST 4294901759u

/* What a deciding function gets: the state to read, and where facts and effects go.  Ids that
 * earlier facts of the same decision have taken are counted here, since they are not applied yet.
 */
struct turn {
    const struct core *c;
    const struct input *in;
    struct facts *facts;
    struct effects *effects;
    struct arena *a; /* of the facts */
    uint32_t next_id, ids_end;
    uint32_t prio_next;
};

struct turn turn_begin(const struct core *c, const struct input *in, struct facts *facts,
                       struct effects *effects);
void turn_fact(struct turn *t, enum fact_kind kind, const void *body);
uint32_t turn_take_id(struct turn *t); /* may add an ids_reserved fact; 0: every id is in use */
void turn_reply(struct turn *t, const struct desc *desc, const void *body);
void turn_refuse(struct turn *t, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void turn_refuse_err(struct turn *t,
                     const struct err *e); /* first line Slurm's text, the err's text as hints */
struct effect *effects_add(struct effects *ef, enum effect_kind kind);

int apply_fact(struct core *c, const struct fact *f, struct effects *effects, struct err *e);
/* Applies the facts from index `from` on; asserts that each is possible. */
void apply_facts(struct core *c, const struct facts *facts, unsigned from, struct effects *effects);

int apply_job_fact(struct core *c, const struct fact *f, struct effects *effects,
                   struct err *e); /* moves.c */

/* Deciding functions, one for each input. */
void decide_configure(struct turn *t, const struct core_conf *conf);
void decide_started(struct turn *t);
void decide_tick(struct turn *t);
void decide_node_lost(struct turn *t);
void decide_submit(struct turn *t, const struct job_spec *spec);
void decide_cancel(struct turn *t, const struct job_kill *kill);
void decide_op(struct turn *t, const struct job_op *op);
void decide_update(struct turn *t, const struct job_update *up);
void decide_hello(struct turn *t, const struct node_register *reg);
void decide_beat(struct turn *t, const struct node_status *beat);
void decide_step_ended(struct turn *t, const struct step_done *done);
void decide_cleaned(struct turn *t, const struct job_clean *clean);
void decide_node_update(struct turn *t, const struct node_update *up);
void decide_through(struct turn *t, const struct alloc_end *end); /* alloc.c */
void decide_part_update(struct turn *t, const struct part_update *up);
void decide_rules(struct turn *t, const struct rules *change); /* book.c */

/* Accounting events, made while a fact is applied. */
void account_job(struct core *c, const struct job *job, const struct step_done *step,
                 struct effects *effects);
void account_step(struct core *c, const struct job *job, const struct step_done *step,
                  struct effects *effects);
void account_node(struct core *c, const struct node *n, const struct fact_node *f,
                  struct effects *effects);

void effect_terminate(const struct job *job, uint32_t node, uint32_t wait_s, const char *why,
                      struct effects *effects);
void effect_launch(const struct job *job, struct effects *effects);
struct alloc_node *alloc_find_mutable(struct job *job, uint32_t node);
const struct alloc_node *alloc_find(const struct job *job, uint32_t node);
struct node *node_at(const struct core *c, uint32_t index); /* NULL when out of range */

#endif
