/* Generic resources of a step: a share of what its job holds on a node. */
#ifndef CORE_STEP_GRES_H
#define CORE_STEP_GRES_H

#include "core/step.h"

/* Tasks that the job's part has resources for; is_now: not counting what other steps hold. */
uint32_t step_gres_room(const struct step_ask *ask, const struct alloc_node *of, bool is_now);
bool step_gres_is_asked(const struct step_spec *spec);
/* What a step that asked for none gets is all of the job's, shared with the other steps. */
void step_gres_give(const struct step_ask *ask, const struct alloc_node *of, uint32_t tasks,
                    struct step_node *part);

#endif
