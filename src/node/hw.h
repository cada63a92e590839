/* What this machine is: read from /proc and /sys, without deciding anything. */
#ifndef NODE_HW_H
#define NODE_HW_H

#include "base/arena.h"
#include "schema/messages.h"

/* Fills the hardware fields of a registration; strings in the arena.  tmp_dir is TmpFS of
 * slurm.conf. */
void hw_probe(const char *tmp_dir, struct arena *a, struct node_register *ret);

/* What changes: free memory and load. */
void hw_load(uint64_t *ret_free_mb, uint32_t *ret_load_x100);

/* The lines of `slurmd -C`, with GPUs that were found (or ""): a NodeName line ready for
 * slurm.conf, and UpTime. */
void hw_print(const char *node, const char *gres);

#endif
