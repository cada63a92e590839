/* The server's side of PMI-1 and PMI-2 for the tasks of one node: bytes in, bytes out.
 *
 * Pure: whoever holds the descriptors hands over what it read and writes what is in `out`.  What
 * all nodes must know is exchanged when every task here has come to a fence: then `fence` is to be
 * carried to the other nodes, and what they brought comes back through pmi_fence_over. */
#ifndef NODE_PMI_H
#define NODE_PMI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

enum pmi_version { PMI_UNKNOWN, PMI_1, PMI_2 };

struct pmi_task {
    uint32_t rank;
    enum pmi_version version;
    struct buf in, out; /* out: to be written to the task, then dropped */
    bool is_at_fence;
    bool is_through; /* said finalize */
    char *waits_for; /* PMI-2: a node attribute that is not there yet; xalloc'ed */
    char thread[32]; /* PMI-2: to be given back with the answer that is owed */
};

struct pmi {
    const char *job; /* "12.0" */
    uint32_t size;
    const char *mapping; /* of pmi_mapping */
    struct pmi_task *tasks;
    uint32_t n, at_fence;
    struct arena arena;     /* keys and values */
    struct smap kvs, local; /* of all nodes; attributes of this one */
    struct buf fence;       /* puts since the last fence */
    uint32_t fences_over;   /* how many there were */
    bool is_fence_ready;    /* every task here is at the fence */
    bool is_aborted;
    char abort_text[256];
    int abort_code;
};

void pmi_init(struct pmi *p, const char *job, const char *mapping, uint32_t size,
              const struct u32s *ranks);
void pmi_fini(struct pmi *p);

/* What task number `local` of this node said.  A negative code: it does not speak PMI, and is to be
 * cut off. */
int pmi_input(struct pmi *p, uint32_t local, const void *data, size_t len);

/* All nodes are at the fence; `data` is what they brought, one after the other. */
void pmi_fence_over(struct pmi *p, const void *data, size_t len);

/* "(vector,(0,4,4))": which ranks are on which node, for the key PMI_process_mapping. */
const char *pmi_mapping(const struct step_node *parts, uint32_t n, uint32_t size, struct arena *a);

#endif
