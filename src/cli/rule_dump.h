/* sacctmgr dump and load: a cluster's tree of accounts as a flat file that people edit. */
#ifndef CLI_RULE_DUMP_H
#define CLI_RULE_DUMP_H

#include "cli/sacctmgr.h"

int sacctmgr_dump(struct sacctmgr *s, char **words);
int sacctmgr_load(struct sacctmgr *s, char **words);

#endif
