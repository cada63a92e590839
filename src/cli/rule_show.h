/* sacctmgr show of what is no rule: runaway jobs, statistics, configuration. */
#ifndef CLI_RULE_SHOW_H
#define CLI_RULE_SHOW_H

#include "cli/sacctmgr.h"

int show_runaway(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w);
int show_stats(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w);
int show_config(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w);
int show_empty(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w);

#endif
