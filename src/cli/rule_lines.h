/* Lines of sacctmgr list: one association, QOS, user ... with what belongs to it, and the columns
 * of schema/cols_rules.def. */
#ifndef CLI_RULE_LINES_H
#define CLI_RULE_LINES_H

#include "cli/rule_words.h"
#include "wire/text.h"

struct rule_line {
    const struct rule_cluster *cluster;
    const struct rule_account *account;
    const struct rule_user *user;
    const struct rule_assoc *assoc;
    const struct rule_qos *qos;
    const struct rule_wckey *wckey;
    const struct rule_tres *tres;
    const struct rule_resource *resource;
    const struct rule_share *share;
    const struct rule_txn *txn;
    const struct rule_limits *limits;
    const struct rule_line *line; /* itself: columns of no message */
    /* What columns of several messages show. */
    const char *cluster_name, *account_name, *user_name, *name, *type, *description, *coords,
        *parent_name;
    const char *problem, *node, *state, *reason, *event;
    struct strs flags, qos_names;
    struct opt_u32 priority;
    uint32_t id, left, right, depth, allocated, node_count, zero;
    int64_t start, end, duration;
};

struct rule_lines {
    struct rule_line *v;
    uint32_t n;
};

extern const struct text_table rule_table;

/* The answer as lines, in the order to print. */
struct rule_lines rule_lines_make(const struct rule_entity *entity, const struct rule_words *w,
                                  const struct rule_book *book, struct arena *a);

/* Names and beginnings of names as text_fields knows them; the first bad one is returned. */
const char *rule_format(const char *spec, struct arena *a, const char **ret_bad);

/* TRES with memory's unit: mem=10240 is mem=10G. */
const char *rule_tres_text(const char *list, struct arena *a);

#endif
