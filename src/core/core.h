/* The pure core: state + input -> facts -> state + effects (HOUSE section 2).
 *
 * core_decide reads state and makes facts; it never changes state.  core_apply changes state by one
 * fact; it never decides.  Nothing here knows a clock, a file, a socket or the log: time comes in,
 * words go out. Replay, standby and simulator call core_apply on recorded facts. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "base/arena.h"
#include "base/err.h"
#include "core/inputs.h"
#include "schema/fact.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;  /* core/job.h */
struct node; /* core/node.h */

struct core *
core_new(void); /* empty; the first input must be INPUT_CONFIGURE, or facts of a journal */
void core_free(struct core *c);

/* One turn's facts, in order.  Bodies live in the arena that was given. */
struct facts {
    struct arena *arena;
    struct fact *v;
    unsigned n, cap;
};

/* What to do once the facts are on disk.  Bodies live in the arena. */
enum effect_kind {
    EFFECT_REPLY,     /* answer reply_to: code 0 and body of desc, or code and an error_info body */
    EFFECT_LAUNCH,    /* build and send a `launch` for job_id to node */
    EFFECT_SIGNAL,    /* send body (step_signal) to node */
    EFFECT_TERMINATE, /* send body (job_terminate) to node */
    EFFECT_ACCOUNT, /* event acct_seq of the outbox: call core_account at once, before the next fact
                       is applied */
    EFFECT_DROP_BLOBS, /* the job is forgotten: its script and environment are no longer needed by
                          it */
    EFFECT_STEP_START, /* build and send a `step_launch` for step_id to each of its nodes; body: its
                          step_spec */
    EFFECT_STEP_ATTACH, /* send body (step_attach) to node */
    EFFECT_WAIT, /* the request of reply_to (body) is to be asked again when something of job_id
                    changed */
    EFFECT_STOP,       /* an operator asked for shutdown: body (shutdown_request) */
};

struct effect {
    uint8_t kind; /* enum effect_kind */
    int code;     /* EFFECT_REPLY: 0 or a number of errors.def */
    uint32_t job_id, restart, step_id;
    uint32_t node; /* index of the node, as in core_node */
    uint64_t reply_to;
    uint64_t acct_seq;
    uint64_t script, environment; /* EFFECT_DROP_BLOBS: hashes */
    const struct desc *desc;
    const void *body;
};

struct effects {
    struct arena *arena;
    struct effect *v;
    unsigned n, cap;
};

/* Decide one input.  Facts are appended; replies that need no fact (refusals) go to effects at
 * once. Requests about nothing (unknown job) are answered, never asserted. */
void core_decide(const struct core *c, const struct input *in, struct facts *facts,
                 struct effects *effects);

/* Apply one fact.  A fact that is impossible in this state returns -ESTATE with words and changes
 * nothing: a damaged journal, or a bug.  Effects may be NULL (replay). */
int core_apply(struct core *c, const struct fact *f, struct effects *effects, struct err *e);

/* decide, then apply each fact; -ESTATE is a bug of ours here and asserts. */
void core_step(struct core *c, const struct input *in, struct facts *facts,
               struct effects *effects);

/* A slice of scheduling: considers at most max_jobs pending jobs, appends and applies facts.
 * Returns true while the pass is unfinished.  `now` as in inputs. */
bool core_schedule(struct core *c, int64_t now, unsigned max_jobs, struct facts *facts,
                   struct effects *effects);

/* When the next timer of the state is due (wall seconds as told by inputs), or INT64_MAX: feed
 * INPUT_TICK then. */
int64_t core_next_timer(const struct core *c);
/* The next pass looks at every job as if nothing was known: for benchmarks. */
void core_replan(struct core *c);
/* When core_schedule has something to do although nothing happens (bf_interval); INT64_MAX: never.
 */
int64_t core_next_pass(const struct core *c);

/* After replay: every effect that the present state still owes (terminations, signals; launches
 * only after the node was asked what it runs: node_hello reconciles those). */
void core_owed(const struct core *c, struct effects *effects);

/* Snapshot: emits facts that rebuild this state in an empty core.  The arena may be reset between
 * emits. */
void core_dump(const struct core *c, void (*emit)(void *ctx, const struct fact *f), void *ctx);

uint64_t core_hash(const struct core *c);            /* of the whole state, for tests */
int core_check(const struct core *c, struct err *e); /* invariants; 0 or -ESTATE with words */
uint64_t core_acct_seq(const struct core *c);        /* last event number given */
uint64_t core_rules_version(const struct core *c);   /* of the rule book; 0: there is none */

/* Questions.  Bodies live in the arena; the strings may point into the core and hold until the next
 * apply. */
const struct job *core_job(const struct core *c, uint32_t job_id);
void core_list_jobs(const struct core *c, const struct job_query *q, const struct who *who,
                    int64_t now, struct arena *a, struct job_infos *ret);
void core_list_nodes(const struct core *c, const struct node_query *q, struct arena *a,
                     struct node_infos *ret);
void core_list_parts(const struct core *c, const struct part_query *q, struct arena *a,
                     struct part_infos *ret);
void core_list_licenses(const struct core *c, struct arena *a, struct license_infos *ret);
void core_list_steps(const struct core *c, const struct step_query *q, const struct who *who,
                     struct arena *a, struct step_infos *ret);
/* How an allocation is.  1: what was waited for has not come yet. */
int core_alloc(const struct core *c, const struct alloc_wait *want, const struct who *who,
               struct arena *a, struct alloc_info *ret, struct err *e);
bool core_has_part(const struct core *c, uint32_t job_id, uint32_t node);
uint32_t core_first_node(const struct core *c, uint32_t job_id); /* UINT32_MAX: it has none */
void core_list_resvs(const struct core *c, const struct resv_query *q, int64_t now, struct arena *a,
                     struct resv_infos *ret);
/* Everything that keeps the named jobs from starting. */
void core_why(const struct core *c, const struct why_query *q, const struct who *who, int64_t now,
              struct arena *a, struct job_whys *ret);
int core_node_index(const struct core *c, const char *name); /* -1 when unknown */
const char *core_node_name(const struct core *c, uint32_t node);
uint32_t core_node_count(const struct core *c);

/* What an EFFECT_LAUNCH needs and the core knows (all but script, environment, groups and the cold
 * part). */
int core_launch(const struct core *c, uint32_t job_id, uint32_t node, struct arena *a,
                struct launch *ret);
/* The parts of a step; job, spec and self are for the caller to add. */
int core_step_launch(const struct core *c, uint32_t job_id, uint32_t step_id, struct arena *a,
                     struct step_launch *ret);
/* What EFFECT_ACCOUNT is about, hot fields only. */
void core_account(const struct core *c, const struct effect *ef, struct arena *a,
                  struct acct_event *ret);
/* The opaque cold part given at submission, and the blobs' hashes. False: no such job. */
bool core_job_cold(const struct core *c, uint32_t job_id, struct bytes *ret_cold,
                   uint64_t *ret_script, uint64_t *ret_environment);
void core_list_shares(const struct core *c, struct arena *a, struct share_infos *ret);
void core_list_prio(const struct core *c, const struct who *who, int64_t now, struct arena *a,
                    struct prio_infos *ret);
void core_list_book(const struct core *c, struct arena *a, struct book_records *ret);
void core_stats(const struct core *c, struct arena *a, struct stats_info *ret);

#endif
