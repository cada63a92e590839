/* Which task runs on which node: a pure function of how many fit where and of --distribution. */
#ifndef CORE_STEP_LAYOUT_H
#define CORE_STEP_LAYOUT_H

#include "base/arena.h"
#include "schema/messages.h"

#define LAYOUT_ANY UINT32_MAX /* room without end */

struct layout {
    const uint32_t *room; /* tasks that each node can take */
    uint32_t nodes, ntasks;
    const char *distribution; /* as written: node[:socket[:core]][,Pack|NoPack]; empty: block */
    const uint32_t *order;    /* arbitrary: the node of each task; else NULL */
};

bool layout_is_arbitrary(const char *distribution);
/* For each node the ranks of its tasks, ascending.  With fewer places than tasks the rest goes
 * round again: whether that may be was settled before. */
struct u32s *layout_tasks(const struct layout *l, struct arena *a);

#endif
