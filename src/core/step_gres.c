/* Generic resources of a step. */
#include "core/step_gres.h"

#include "core/step_layout.h"

uint32_t step_gres_room(const struct step_ask *ask, const struct alloc_node *of, bool is_now)
{
    return LAYOUT_ANY;
}

void step_gres_give(const struct step_ask *ask, const struct alloc_node *of, uint32_t tasks,
                    struct step_node *part)
{
    part->gres.v = of->gres.v;
    part->gres.n = of->gres.n;
}
