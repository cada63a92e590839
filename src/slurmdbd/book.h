/* The rule book in memory: every row of every kind, found by its natural key.  The database keeps
 * the same rows; what is decided is decided here, without a database in sight.
 *
 * A row is a message of msg/rules.def.  Deleted ones stay (is_deleted): controllers must hear of
 * it, ids are never given twice, and who is added again gets his row back. */
#ifndef SLURMDBD_BOOK_H
#define SLURMDBD_BOOK_H

#include "base/arena.h"
#include "base/map.h"
#include "schema/messages.h"
#include "slurmdbd/rows.h"

enum rule_kind {
    RULE_CLUSTER,
    RULE_ACCOUNT,
    RULE_USER,
    RULE_ASSOC,
    RULE_QOS,
    RULE_WCKEY,
    RULE_TRES,
    RULE_RESOURCE,
    RULE_SHARE,
    RULE_KINDS
};

/* How each kind is stored: the table's key are the members that name a row. */
extern const struct table rule_tables[RULE_KINDS];

struct rule {
    void *msg;
    uint64_t version; /* of the book when it changed last */
};

struct rule_list {
    struct rule *v; /* in order of birth */
    uint32_t n, cap;
    struct smap at;   /* key text -> index + 1 */
    struct map by_id; /* kinds that have an id: id -> index + 1 */
    uint32_t last_id;
};

struct book {
    struct rule_list of[RULE_KINDS];
    uint64_t version;
    struct arena arena; /* rows; what was replaced stays until the next loading */
};

void book_fini(struct book *b);

/* Adds or replaces; the message is copied. */
void book_put(struct book *b, enum rule_kind kind, const void *msg, uint64_t version);

/* A row by the text of its key, or by id; deleted ones too.  NULL: there is none. */
const void *book_find(const struct book *b, enum rule_kind kind, const char *key);
const void *book_by_id(const struct book *b, enum rule_kind kind, uint32_t id);

bool rule_is_deleted(enum rule_kind kind, const void *msg);
void rule_set_deleted(enum rule_kind kind, void *msg, bool is_deleted);
uint32_t rule_id(enum rule_kind kind, const void *msg); /* 0: the kind has none */

/* The members of the key, joined; book_key takes them from a message. */
const char *book_key(enum rule_kind kind, const void *msg, struct arena *a);
const char *book_key_of(struct arena *a, const char *const *parts, unsigned n);
#define KEY_OF(a, ...)                                   \
    book_key_of(a, (const char *const[]){ __VA_ARGS__ }, \
                sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

#endif
