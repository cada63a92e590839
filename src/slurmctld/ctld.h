/* The controller: everything it holds, and what its files do for each other.
 *
 *  frames ─ ingest ─> queue ─ turn ─> core ─> facts ─> journal ─ commit ─> release ─> frames
 */
#ifndef SLURMCTLD_CTLD_H
#define SLURMCTLD_CTLD_H

#include "auth/server.h"
#include "base/arena.h"
#include "conf/conf.h"
#include "core/core.h"
#include "journal/blob.h"
#include "journal/outbox.h"
#include "journal/wal.h"
#include "net/conn.h"
#include "net/daemon.h"
#include "slurmctld/names.h"
#include "slurmctld/steady.h"

#define SLICE_JOBS 2000u /* considered by one slice of a scheduling pass */
#define HEARTBEAT_MAX_S 10
#define HEARTBEATS_MISSED 3 /* then a node's connection counts as lost */

struct dbd;
struct fair;
struct nodes;
struct route;
struct samples;
struct waits;

/* Who waits for an answer.  conn 0: nobody. */
struct call {
    uint64_t conn;
    uint32_t request;
    uint16_t opcode;
};

/* A decoded request that waits for its turn, or something we tell ourselves. */
struct pending {
    struct input in;
    struct call call;
    const struct route *route; /* NULL: straight to the core */
};

/* A ring would save nothing: the queue is emptied in every turn. */
struct queue {
    struct pending *v;
    unsigned n, cap;
    unsigned next; /* first not yet taken */
};

/* An answer that is ready and waits for the commit. */
struct held {
    struct call call;
    uint16_t flags;
    const struct desc *desc;
    const void *msg; /* in the arena of the round */
};

/* Members of two messages that have the same name and type: found once, for they are looked for in
 * every launch and accounting event. */
struct twins {
    struct twin {
        const struct field *to, *from;
    } * v;
    unsigned n;
};

struct ctld {
    const struct daemon_args *args;
    char *conf_path;
    bool clean_start;
    int verbose;
    struct conf *conf;
    uid_t slurm_uid;

    struct loop *loop;
    struct munge_async *munge;
    struct auth_server *auth;
    struct listener *tcp, *local;
    struct loop_timer *timer; /* the core's next timer */
    struct loop_timer *lazy;  /* facts are appended that nobody waits for: commit them then */
    bool is_lazy, is_late;    /* there are such; `lazy` fired */
    struct loop_timer *again; /* a pass is unfinished: come back after looking at the sockets */
    bool is_due;              /* `timer` fired */

    struct core *core;
    struct wal *wal;
    struct blobs *blobs;
    struct outbox *outbox;
    uint32_t ids_end; /* highest job id ever reserved, as replay saw it (for -c) */
    struct loop_child *snapshot;
    uint64_t snapshot_number;
    int64_t snapshot_retry_ns; /* not before, after a failure */

    struct steady clock;
    struct names *names;
    struct nodes *nodes;
    struct fair *fair;
    struct waits *waits;
    struct samples *samples;
    struct dbd *dbd;
    struct twins acct_twins, launch_twins; /* from a job_spec to acct_job and to launch */

    struct queue queue;
    struct arena queue_arena; /* bodies of what is queued; dropped when the queue is empty */

    /* Of one round: from the first input to the release after the commit. */
    struct arena arena;
    struct facts facts;
    struct effects effects;
    struct call *calls; /* reply_to - 1 is the index */
    unsigned call_count, call_cap;
    struct held *held;
    unsigned held_count, held_cap;
    struct pending *questions;
    unsigned question_count, question_cap;
    int64_t space; /* bytes that new work may still take; looked at once a round */
    int64_t taken_ns; /* when the request at hand was taken from the queue */

    int64_t boot_s;
    uint64_t commits, requests; /* for sdiag */
};

int64_t ctld_now(struct ctld *c); /* seconds, as the core is told */

/* ingest.c: frames to inputs. */
extern const struct conn_ops ingest_ops; /* ctx: struct ctld */
void ingest_push(struct ctld *c, const struct pending *p);
/* A decoded request of a known peer, as if it came just now. */
void ingest_request(struct ctld *c, struct conn *conn, const struct call *call, const void *body);
/* Body for a pending input of our own making. */
void *ingest_body(struct ctld *c, size_t size);

/* turn.c: decide, remember, speak. */
void ctld_turn(void *ctx);
int turn_start(struct ctld *c, struct err *e); /* the first round: before anybody can connect */
void turn_hold(struct ctld *c, const struct call *call, const struct desc *d, const void *msg);
void turn_hold_error(struct ctld *c, const struct call *call, const struct err *e);
/* One input through the core; its facts go to the journal's batch.  True: it was not refused. */
bool turn_step(struct ctld *c, struct input *in, const struct call *call);
/* What the daemon itself does with a fact, live and in replay: counts the uses of blobs. */
void turn_note_fact(struct ctld *c, const struct fact *f);
void turn_account(struct ctld *c, const struct effects *ef, unsigned from);

/* requests.c: what has to be done to a request before, or instead of, the core.  -1 and e: refuse.
 */
int prepare_submit(struct ctld *c, struct pending *p, struct err *e);
int prepare_node(struct ctld *c, struct pending *p, struct err *e);
int do_reconfigure(struct ctld *c, const struct pending *p, struct err *e);
int do_set_debug(struct ctld *c, const struct pending *p, struct err *e);
int configure_core(struct ctld *c, const struct conf *conf, const struct call *call, struct err *e);

/* ask.c: questions. */
typedef int ask_fn(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_ping(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_jobs(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_why(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_nodes(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_shares(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_prio(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_book(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_licenses(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_parts(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_resvs(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_conf(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_stats(struct ctld *c, const struct pending *p, void *ret, struct err *e);

int ask_steps(struct ctld *c, const struct pending *p, void *ret, struct err *e);
int ask_alloc(struct ctld *c, const struct pending *p, void *ret, struct err *e);

/* route.c: one row for each request that slurmctld answers. */
struct route {
    uint16_t opcode;
    ask_fn *ask; /* a question; 1: it waits (waits.c) */
    int (*prepare)(struct ctld *c, struct pending *p, struct err *e);       /* before the core */
    int (*instead)(struct ctld *c, const struct pending *p, struct err *e); /* not the core's */
};
const struct route *route_find(uint16_t opcode); /* NULL: not answered here */

/* release.c: effects to frames, after the commit. */
void release_effects(struct ctld *c);

/* steps.c: what each node of a step is told. */
void steps_start(struct ctld *c, const struct effect *ef);

/* waits.c: requests that wait for something of a job. */
struct waits *waits_new(void);
void waits_free(struct waits *w); /* accepts NULL */
int waits_park(struct ctld *c, const struct call *call, uint32_t job_id, const struct desc *d,
               const void *msg); /* 1 */
void waits_note(struct ctld *c, const struct fact *f);
void waits_wake(struct ctld *c); /* after the commit */
void waits_closed(struct ctld *c, const struct conn *conn);
/* Why nodes could not start their parts of a step that has ended. */
void waits_recall(struct ctld *c, uint32_t job_id, uint32_t step_id, struct strs *ret);

/* samples.c: what running steps use. */
struct samples *samples_new(void);
void samples_free(struct samples *s); /* accepts NULL */
void samples_fill(struct ctld *c, struct step_info *info);
void samples_note(struct ctld *c, const struct fact *f);
int do_step_used(struct ctld *c, const struct pending *p, struct err *e);

/* launch.c: what a node needs to start a job. */
/* All but script and environment.  1: the job does not run there. */
int launch_job(struct ctld *c, uint32_t job_id, uint32_t node, struct arena *a, struct launch *ret,
               struct err *e);
int launch_make(struct ctld *c, const struct effect *ef, struct arena *a, struct launch *ret,
                struct err *e);
/* Every member of dst that is absent gets the member of the same name and kind of src. */
struct twins twins_find(const struct desc *to, const struct desc *from); /* .v is malloc'ed */
void copy_missing(const struct twins *t, void *dst, const void *src);
bool cold_spec(struct ctld *c, uint32_t job_id, struct arena *a, struct job_spec *ret,
               uint64_t *ret_script, uint64_t *ret_environment);

/* nodes.c: one kept connection for each node. */
struct nodes *nodes_new(struct ctld *c);
void nodes_free(struct nodes *n);
void nodes_bind(struct ctld *c, uint32_t node, struct conn *conn);
void nodes_unbind(struct ctld *c, uint32_t node); /* its registration was refused */
/* Why a node that is away cannot come, as an unknown peer made us say: shown, never used. */
void nodes_refused(void *ctx, const char *node, const char *why);
void nodes_explain(struct ctld *c, struct node_info *ret); /* gives it as a reason if it has none */
void nodes_owe(struct ctld *c,
               uint32_t node); /* after its welcome it gets what the state still owes */
void nodes_send_owed(struct ctld *c);
void nodes_closed(struct ctld *c, struct conn *conn);
void nodes_heard(struct ctld *c, struct conn *conn);
bool nodes_of(struct ctld *c, const struct conn *conn, uint32_t *ret);
void nodes_send(struct ctld *c, uint32_t node, uint16_t opcode, const struct desc *d,
                const void *msg);
unsigned nodes_stop(struct ctld *c); /* every connected slurmd; returns how many */
void nodes_send_launch(struct ctld *c, uint32_t node, const struct launch *l);
void nodes_send_step(struct ctld *c, uint32_t node, const struct step_launch *l);
void nodes_answer(struct ctld *c, struct conn *conn, const struct frame *f);
void nodes_start_failed(struct ctld *c, const struct step_ident *job, uint32_t node,
                        const struct err *e);
uint32_t nodes_heartbeat_s(const struct ctld *c);

/* fair.c: nobody's requests delay somebody else's. */
struct fair *fair_new(void);
void fair_free(struct fair *f); /* accepts NULL */
void fair_configure(struct fair *f, const struct conf *conf);
void fair_next_turn(struct fair *f);
bool fair_takes(struct fair *f, uid_t uid); /* one more request of this user in this turn */
int fair_charge(struct fair *f, uid_t uid, bool is_question, struct err *e); /* -1: refuse it */

/* dbd.c: the outbox to slurmdbd. */
struct dbd *dbd_new(struct ctld *c);
void dbd_free(struct dbd *d);
void dbd_pump(struct dbd *d); /* after each commit; accepts NULL */
void dbd_stats(const struct dbd *d, struct arena *a, struct key_value ret[3]);

/* state.c: what survives. */
int state_open(struct ctld *c, struct err *e);
void state_close(struct ctld *c);
void state_snapshot(struct ctld *c); /* when the journal wants one */

/* trace.c: the log lines that administrators know. */
void trace_fact(struct ctld *c, const struct fact *f);

#endif
