/* What associations and QOS have used: seconds times amount of each trackable resource, and of wall
 * clock, fading with PriorityDecayHalfLife.  GrpTRESMins and GrpWall are compared with it.  (Ranks
 * come from fairshare.h, which keeps billing alone, in integers.)
 *
 * Every owner keeps its total with all below it.  Charged in the same pieces as fair share: when a
 * period begins, and when a run ends. */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include "core/rules.h"

struct core;
struct job;

double usage_factor(const struct job *job); /* UsageFactor of its QOS; 1 without */
void usage_charge(struct core *c, const struct job *job, int64_t seconds);
/* What is left of everything is this part of it, 0 to 1; QOS with NoDecay keep theirs. */
void usage_fade(struct core *c, double part);
void usage_dump(const struct core *c, void (*emit)(void *ctx, const struct fact_usage *f),
                void *ctx);
void usage_load(struct core *c, const struct fact_usage *f);
/* Usage that is below an association which moves to another account goes with it. */
void usage_move(struct assoc *as, struct assoc *from, struct assoc *to);

#endif
