/* Key=Value of sacctmgr, by the rows of schema/rule_keys.def and rule_wants.def. */
#ifndef SLURMDBD_KEYS_H
#define SLURMDBD_KEYS_H

#include "slurmdbd/plan.h"

/* Groups of settings: a bit is a message that takes them. */
enum key_group {
    KEYS_ASSOC = 1,
    KEYS_QOS = 2,
    KEYS_CLUSTER = 4,
    KEYS_ACCOUNT = 8,
    KEYS_USER = 16,
    KEYS_RESOURCE = 32,
    KEYS_SHARE = 64,
};

struct rule_key;

struct key_target {
    struct plan *plan;
    enum key_group group;
    void *row;
};

/* The key that a word means in one of the groups; NULL: none. */
const struct rule_key *key_find(unsigned groups, const char *word);
const char *key_label(const struct rule_key *k);
unsigned key_order(const char *label); /* where it stands when settings are listed */

/* Writes the value into the row (a rule_assoc for KEYS_ASSOC,
 * a rule_qos for KEYS_QOS ...).  *ret_shown: as understood.  The
 * sentence of a refusal is sacctmgr's. */
int key_set(struct key_target t, const struct rule_key *k, const struct key_value *kv,
            const char **ret_shown, struct err *e);

/* Who is meant: lists of lower-case words, none: everybody. */
struct want {
    struct strs names, accounts, clusters, users, partitions, parents, qos, def_qos, def_accounts;
    struct strs def_wckeys, admin_levels, descriptions, organizations, classifications, rpc, ids;
    struct strs types, servers, preempt_modes, wckeys, actions, actors, infos, start, end, jobs;
    struct strs nodes, reasons, states, flags;
};

enum want_entity {
    WANT_ACCOUNT = 1,
    WANT_USER = 2,
    WANT_ASSOC = 4,
    WANT_CLUSTER = 8,
    WANT_COORD = 16,
    WANT_QOS = 32,
    WANT_RESOURCE = 64,
    WANT_WCKEY = 128,
    WANT_TRES = 256,
    WANT_TXN = 512,
    WANT_PROBLEM = 1024,
    WANT_JOB = 2048,
    WANT_EVENT = 4096,
};

/* The list that a key names; NULL: none. */
struct strs *want_list(struct want *w, unsigned entity, const char *key);
/* Adds the words of "a,b" (lower case) to the list. */
void want_add(struct strs *list, const char *text, struct arena *a);
bool want_has(const struct strs *list, const char *word); /* an empty list has everything */
bool strs_have(const struct strs *list, const char *word);

/* TRES lists.  Merges "cpu=4,mem=10G" into *ret (one number a TRES, memory in MB, -1 takes a TRES
 * away); TRES that nobody knew get a row. */
int tres_merge(struct plan *p, const char *now, const char *text, const char **ret, struct err *e);

#endif
