/* The trace player: the live core under a virtual clock. */
#ifndef SIM_PLAY_H
#define SIM_PLAY_H

#include "schema/messages.h"
#include "sim/trace.h"

struct play {
    struct trace *trace;          /* outcomes are written into its jobs */
    const struct core_conf *conf; /* NULL: one partition, every core usable by every job */
    const char *scheduler; /* SchedulerType and SchedulerParameters of a made machine; or to */
    const char *params;    /* replace those of conf; NULL: backfill, none */
    void (*progress)(void *ctx, uint32_t done, uint32_t all); /* NULL: nobody watches */
    void *ctx;
};

struct played {
    uint32_t cores;    /* of the machine */
    uint32_t refused;  /* jobs that the configuration does not allow */
    char refusal[200]; /* why the first of them was not */
    uint64_t passes;
    char **parts; /* names of partitions that jobs ran in */
    uint32_t part_count;
};

/* One scheduling pass per second that has an event, after all ends and arrivals of that second.
 * -EINVAL when some job can never start. */
int play_trace(const struct play *p, struct played *ret, struct err *e);
void played_fini(struct played *p);

#endif
