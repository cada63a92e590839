/* The words of a sacctmgr command (rule_words.h). */
#include "cli/rule_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { ADD = RULE_ADD, MODIFY = RULE_MODIFY, DELETE = RULE_DELETE, LIST = RULE_LIST };

static const struct rule_entity entities[] = {
#define ENTITY(name, least, verbs, flags, format) { #name, least, verbs, flags, format },
#include "schema/rule_entities.def"
#undef ENTITY
};

const struct rule_entity *rule_entity_find(const char *word, unsigned verb)
{
    size_t len = strlen(word);

    /* Plurals and the contract's longer names: the letters that both have must agree. */
    for (unsigned i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t own = strlen(entities[i].name);

        if (len < entities[i].least || !(entities[i].verbs & verb))
            continue;
        if (strncasecmp(entities[i].name, word, len < own ? len : own) == 0 &&
            (len <= own || strcasecmp(word + own, "s") == 0))
            return &entities[i];
    }
    return NULL;
}

bool rule_has_flag(const struct rule_words *w, const char *flag)
{
    for (uint32_t i = 0; i < w->flags.n; i++)
        if (strcasecmp(w->flags.v[i], flag) == 0)
            return true;
    return false;
}

/* The flag that a bare word begins, spelt out; NULL: none. */
static const char *flag_of(const struct rule_entity *entity, const char *word, struct arena *a)
{
    size_t len = strlen(word);

    for (const char *at = entity->flags; *at;) {
        size_t flag = strcspn(at, " ");

        if (len >= 3 && len <= flag && strncasecmp(at, word, len) == 0)
            return arena_strndup(a, at, flag);
        at += flag + (at[flag] == ' ');
    }
    return NULL;
}

/* 'a b' and "a b" as shells of others leave them. */
static const char *unquoted(const char *text, struct arena *a)
{
    size_t len = strlen(text);

    if (len >= 2 && strchr("'\"", *text) && text[len - 1] == *text)
        return arena_strndup(a, text + 1, len - 2);
    return text;
}

static struct key_value pair_of(const char *word, struct arena *a)
{
    const char *equals = strchr(word, '=');
    size_t name = equals ? (size_t)(equals - word) : 0;
    char op[2] = { 0, 0 };

    if (!equals)
        return (struct key_value){ "Names", unquoted(word, a), "" };
    if (name && strchr("+-", word[name - 1]))
        op[0] = word[--name];
    return (struct key_value){ arena_strndup(a, word, name), unquoted(equals + 1, a),
                               arena_strdup(a, op) };
}

/* Keys that the command itself answers to. */
static bool take_own(struct rule_words *ret, const struct key_value *kv, unsigned verb)
{
    size_t len = strlen(kv->key);

    if (verb == RULE_LIST && len && strncasecmp("Format", kv->key, len) == 0)
        return ret->format = kv->value, true;
    if (verb == RULE_LIST && len && strncasecmp("WithInfo", kv->key, len) == 0)
        return true;
    return false;
}

int rule_words_read(struct rule_words *ret, const struct rule_entity *entity, unsigned verb,
                    char **words, struct arena *a, struct err *e)
{
    bool in_set = false;
    unsigned n = 0;

    while (words[n])
        n++;
    *ret = (struct rule_words){ .where = arena_calloc(a, n + 1, sizeof *ret->where),
                                .set = arena_calloc(a, n + 1, sizeof *ret->set) };
    ret->flags.v = arena_calloc(a, n + 1, sizeof *ret->flags.v);
    for (; *words; words++) {
        const char *flag = verb == RULE_LIST ? flag_of(entity, *words, a) : NULL;
        struct key_value kv;

        if (flag) {
            ret->flags.v[ret->flags.n++] = flag;
        } else if (strcasecmp(*words, "set") == 0 || strcasecmp(*words, "where") == 0) {
            in_set = tolower(**words) == 's';
        } else {
            kv = pair_of(*words, a);
            if (take_own(ret, &kv, verb))
                continue;
            if (in_set && strchr(*words, '=') == NULL)
                return err_set(e, EINVAL,
                               " Unknown option: %s\n Use keyword 'where' to modify "
                               "condition",
                               *words);
            if (in_set && verb == RULE_MODIFY)
                ret->set[ret->set_n++] = kv;
            else
                ret->where[ret->where_n++] = kv;
        }
    }
    return 0;
}
