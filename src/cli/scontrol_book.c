/* scontrol show assoc_mgr: the rule book as the controller has it. */
#include "cli/scontrol.h"

#include "schema/rpc.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct section {
    const char *kind, *flag, *title;
} sections[] = {
    { "user", "users", "User Records" },
    { "association", "assoc", "Association Records" },
    { "qos", "qos", "QOS Records" },
};

/* True when the comma list is empty or has the word. */
static bool lists(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *s = list; *s;) {
        size_t n = strcspn(s, ",");
        if (n == len && strncasecmp(s, word, n) == 0)
            return true;
        s += n + (s[n] == ',');
    }
    return !*list;
}

static bool is_wanted(const struct book_record *r, const char *key, const char *value)
{
    if (strcasecmp(key, "users") == 0 && strcmp(r->kind, "qos") != 0)
        return lists(value, r->user);
    if (strcasecmp(key, "accounts") == 0 && strcmp(r->kind, "association") == 0)
        return lists(value, r->account);
    return strcasecmp(key, "qos") != 0 || strcmp(r->kind, "qos") != 0 || lists(value, r->qos);
}

static void show_section(const struct section *sec, const struct book_records *all, const char *key,
                         const char *value)
{
    if (strcasecmp(key, "flags") == 0 && !lists(value, sec->flag))
        return;
    printf("\n%s\n\n", sec->title);
    for (uint32_t i = 0; i < all->records.n; i++)
        if (strcmp(all->records.v[i].kind, sec->kind) == 0 &&
            is_wanted(&all->records.v[i], key, value))
            fputs(all->records.v[i].text, stdout);
}

int show_assoc_mgr(struct scontrol *s, const char *which)
{
    const char *equals = which ? strchr(which, '=') : NULL;
    struct book_records *all;
    struct err e = { 0 };
    char key[32] = "";

    if (equals)
        snprintf(key, sizeof key, "%.*s", (int)(equals - which), which);
    if (scontrol_call(s, OP_book_list, &(struct empty){}, (void **)&all, &e) < 0)
        return scontrol_fail(s, "scontrol show assoc_mgr", &e);
    puts("Current Association Manager state");
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        show_section(&sections[i], all, key, equals ? equals + 1 : "");
    return 0;
}
