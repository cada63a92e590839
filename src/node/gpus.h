/* GPUs that are in this machine, as if gres.conf had named them.
 *
 * NVIDIA's by its library when it is there (loaded at run time, nothing is linked), else from the
 * driver's files in /proc; AMD's and Intel's from /sys. */
#ifndef NODE_GPUS_H
#define NODE_GPUS_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/messages.h"

struct gpus_find {
    const char *how;  /* AutoDetect=: nvml, nvidia, rsmi, oneapi, full, off, "" */
    const char *root; /* before /proc, /sys and /dev; "" but in tests */
    const struct host_topology *topology;
    struct arena *arena;
};

/* Words about what could not be looked at go to `why`; that is no failure. */
void gpus_find(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);

/* gpus_nvml.c: false when there is no library or it finds nothing to talk to. */
bool gpus_nvml(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);

/* For the finders: one more device; names become types as Slurm makes them. */
void gpus_add(const struct gpus_find *f, struct gres_conf *ret, const struct gres_row *l);
const char *gpus_type(const char *name, struct arena *a);
/* "0-3": the cores of a list of the kernel's CPUs, as /sys has it; "" when that is all of them. */
const char *gpus_cores(const struct gpus_find *f, const char *cpulist);

#endif
