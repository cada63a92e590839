/* What the files of sacctmgr share. */
#ifndef CLI_SACCTMGR_H
#define CLI_SACCTMGR_H

#include "cli/connect.h"
#include "cli/rule_lines.h"

#include <stdbool.h>

struct sacctmgr {
    struct connection conn;
    struct arena arena;
    struct text_env env;
    bool is_immediate, no_header, is_quiet, is_readonly, with_assocs, is_over;
    int parsable; /* 1: -p with the separator at the end, 2: -P */
    int status;
};

/* Prints unless -Q; prints to stderr and makes the exit status 1. */
void sacctmgr_say(struct sacctmgr *s, const char *text);
int sacctmgr_fail(struct sacctmgr *s, const char *text);

/* "QUESTION (You have 30 seconds to decide)"; yes at once with -i. */
bool sacctmgr_ask(struct sacctmgr *s, const char *question);

/* Says what the wish would do, asks, and does it. */
int sacctmgr_change(struct sacctmgr *s, struct rule_change *wish);

void sacctmgr_print(struct sacctmgr *s, const struct text_format *f, const struct rule_lines *l);

#endif
