/* The words of a sacctmgr command: an entity and Key=Value pairs, made into a request. */
#ifndef CLI_RULE_WORDS_H
#define CLI_RULE_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

enum rule_verbs { RULE_ADD = 1, RULE_MODIFY = 2, RULE_DELETE = 4, RULE_LIST = 8 };

struct rule_entity {
    const char *name;
    unsigned least, verbs;
    const char *flags, *format;
};

struct rule_words {
    struct key_value *where, *set;
    uint32_t where_n, set_n;
    struct strs flags;  /* of list, spelt out */
    const char *format; /* format=; NULL: the entity's */
    const char *file;   /* file= of dump and load */
};

/* NULL: no such entity, or none that the verb takes. */
const struct rule_entity *rule_entity_find(const char *word, unsigned verb);
bool rule_has_flag(const struct rule_words *w, const char *flag);

/* Sorts the words behind the entity.  `where` and `set` say what follows; without them a list and
 * an addition have conditions only, and a modification's bare words are names. */
int rule_words_read(struct rule_words *ret, const struct rule_entity *entity, unsigned verb,
                    char **words, struct arena *a, struct err *e);

#endif
