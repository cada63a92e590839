/* Running HealthCheckProgram.  One at a time, bounded, in an environment built from nothing.  The
 * node cannot know whether it is drained: NONDRAINED_IDLE counts as IDLE, MIXED as ALLOC. */
#include "slurmd/health.h"

#include "base/log.h"
#include "base/xalloc.h"
#include "node/hook.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>

enum when {
    WHEN_BUSY = 1,
    WHEN_IDLE = 2,
    WHEN_START = 4, /* once, when slurmd starts */
    WHEN_SPREAD = 8 /* nodes do not all do it in the same second */
};

static const struct {
    const char *name;
    unsigned when;
} states[] = {
    { "ALLOC", WHEN_BUSY },           { "MIXED", WHEN_BUSY },           { "IDLE", WHEN_IDLE },
    { "NONDRAINED_IDLE", WHEN_IDLE }, { "ANY", WHEN_BUSY | WHEN_IDLE }, { "CYCLE", WHEN_SPREAD },
    { "START_ONLY", WHEN_START },
};

struct health {
    struct launcher *l;
    unsigned when;
    struct loop_timer *next, *late;
    struct loop_child *child;
};

static unsigned when_of(const char *list)
{
    unsigned when = 0;

    for (const char *p = list; *p; p += strcspn(p, ",|"), p += *p != '\0')
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
            size_t len = strlen(states[i].name);
            if (strncasecmp(p, states[i].name, len) == 0 && strchr(",|", p[len]))
                when |= states[i].when;
        }
    return when & (WHEN_BUSY | WHEN_IDLE | WHEN_START) ? when : when | WHEN_BUSY | WHEN_IDLE;
}

static void on_gone(void *ctx, pid_t pid, int status)
{
    struct health *h = ctx;

    h->child = NULL;
    map_del(&h->l->children, (uint64_t)pid);
    loop_set_timer(h->late, -1);
    if (status != 0)
        log_error("HealthCheckProgram: wait status %d", status);
}

static void on_late(void *ctx)
{
    struct health *h = ctx;

    log_error("HealthCheckProgram takes too long and is killed");
    loop_kill_child(h->child, SIGKILL);
}

static void run(struct health *h)
{
    const struct launcher_conf *c = h->l->conf;
    struct hook program = { .path = c->health.program,
                            .context = "health_check",
                            .node = c->node,
                            .cluster = c->cluster,
                            .conf_path = c->conf_path };
    struct err e = { 0 };
    pid_t pid;

    if (hook_start(&program, &pid, &e) < 0) {
        log_error("HealthCheckProgram: %s", e.text);
        return;
    }
    map_put(&h->l->children, (uint64_t)pid, h);
    h->child = loop_add_child(h->l->loop, pid, on_gone, h);
    loop_set_timer(h->late, c->health.timeout_s * 1000LL);
}

static void on_time(void *ctx)
{
    struct health *h = ctx;
    unsigned now = list_empty(&h->l->steps) ? WHEN_IDLE : WHEN_BUSY;

    if (!h->child && (h->when & (now | WHEN_START)))
        run(h);
    if (!(h->when & WHEN_START))
        loop_set_timer(h->next, h->l->conf->health.interval_s * 1000LL);
}

void health_open(struct launcher *l)
{
    const struct launcher_conf *c = l->conf;
    uint32_t chance = 0;

    if (!c->health.program[0] || !c->health.interval_s)
        return;
    struct health *h = xcalloc(1, sizeof *h); /* as long as the launcher */
    h->l = l;
    h->when = when_of(c->health.states);
    h->late = loop_add_timer(l->loop, -1, on_late, h);
    if ((h->when & WHEN_SPREAD) && getrandom(&chance, sizeof chance, 0) == sizeof chance)
        chance %= c->health.interval_s;
    h->next = loop_add_timer(l->loop, h->when & WHEN_SPREAD ? chance * 1000LL : 0, on_time, h);
}
