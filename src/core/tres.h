/* Trackable resources: what can be counted, limited and billed (cpu, mem, gres/gpu, license/x ...).
 *
 * The table gives each a place.  The first eight are Slurm's own; those that AccountingStorageTRES
 * names follow and never move while the core lives.  An amount of each is a small fixed array, so
 * adding up a job costs a few instructions and no name is looked at. */
#ifndef CORE_TRES_H
#define CORE_TRES_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

#define TRES_MAX 24u

enum {
    TRES_CPU,
    TRES_MEM, /* MB */
    TRES_ENERGY,
    TRES_NODE,
    TRES_BILLING,
    TRES_DISK,
    TRES_VMEM,
    TRES_PAGES,
    TRES_FIXED
};

/* What reasons and limits tell apart; the order is that of the rows of schema/reasons.def. */
enum tres_family {
    FAMILY_CPU,
    FAMILY_MEM,
    FAMILY_NODE,
    FAMILY_GRES,
    FAMILY_LICENSE,
    FAMILY_BB,
    FAMILY_BILLING,
    FAMILY_ENERGY,
    FAMILY_UNKNOWN
};

struct tres_table {
    char *names[TRES_MAX];
    uint8_t family[TRES_MAX];
    bool is_size[TRES_MAX]; /* counted in megabytes */
    uint32_t n;
};

struct amounts {
    uint64_t v[TRES_MAX]; /* by place */
};

/* The fixed ones, and what the comma list adds; what is there keeps its place.  Names beyond the
 * room are passed over.  True: there are new ones. */
bool tres_table_set(struct tres_table *t, const char *names);
void tres_table_fini(struct tres_table *t);
int tres_find(const struct tres_table *t, const char *name, size_t len); /* -1: not tracked */
uint32_t tres_id(uint32_t place); /* as sacctmgr show tres numbers them: 1 to 8, 1001 on */

/* "cpu=10,mem=4G,gres/gpu=2".  The mask says which were named; those that are not tracked here are
 * passed over.  -EINVAL with words when it cannot be read. */
int tres_parse(const struct tres_table *t, const char *text, struct amounts *ret,
               uint32_t *ret_mask, struct err *e);
/* The same, of those above 0, or of those in the mask when it is not 0. */
char *tres_text(const struct tres_table *t, const struct amounts *a, uint32_t mask,
                struct arena *to);
char *tres_plain_text(const struct tres_table *t, const struct amounts *a,
                      struct arena *to); /* all, numbers without units: cpu=0,mem=4000 */
void tres_add_gres(const struct tres_table *t, const char *name, const char *type, uint64_t count,
                   struct amounts *sum);
/* "matlab:2,abaqus" */
void tres_add_licenses(const struct tres_table *t, const char *text, struct amounts *sum);

#endif
