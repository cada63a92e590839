#include "core/state.h"
#include "core/update.h"
void decide_cancel(struct turn *t, const struct job_kill *kill) { turn_refuse(t, ESLURM_NOT_SUPPORTED, "soon"); }
void decide_op(struct turn *t, const struct job_op *op) { turn_refuse(t, ESLURM_NOT_SUPPORTED, "soon"); }
void decide_update(struct turn *t, const struct job_update *up) { turn_refuse(t, ESLURM_NOT_SUPPORTED, "soon"); }
void decide_node_update(struct turn *t, const struct node_update *up) { turn_refuse(t, ESLURM_NOT_SUPPORTED, "soon"); }
void decide_part_update(struct turn *t, const struct part_update *up) { turn_refuse(t, ESLURM_NOT_SUPPORTED, "soon"); }
void update_apply(struct core *c, struct job *job, const void *body) {}
int core_check(const struct core *c, struct err *e) { return 0; }
