/* sacctmgr dump and load (rule_dump.h).  A file is lines of KIND - 'name':Key=value:Key='value';
 * what follows a Parent line stands below that account. */
#include "cli/rule_dump.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/rule_say.h"
#include "schema/rpc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAIRS_MAX 64u

static const char preface[] =
    "# To edit this file start with a cluster line for the new cluster\n"
    "# Cluster - 'cluster_name':MaxTRESPerJob=node=50\n"
    "# Followed by accounts in this fashion (root is there by default)...\n"
    "# Parent - 'root'\n"
    "# Account - 'cs':MaxJobs=4:FairShare=399:Description='Computer Science':Organization='LC'\n"
    "# Any of the options after a ':' can be left out and they can be in any order.\n"
    "# Sub accounts follow the Parent line of an account that was named before:\n"
    "# Parent - 'cs'\n"
    "# Account - 'test':MaxTRESPerJob=node=1:MaxJobs=1:Description='Test Account'\n"
    "# Users of an account follow its Parent line too:\n"
    "# User - 'lipari':MaxTRESPerJob=node=2:MaxJobs=3:FairShare=1\n";

/* ---- dump */

static const struct {
    const char *key;
    size_t offset;
    bool is_text;
} limits[] = {
#define DUMP_text true
#define DUMP_count false
#define DUMP(key, member, kind) { #key, offsetof(struct rule_limits, member), DUMP_##kind },
#include "schema/rule_dump.def"
#undef DUMP
};

struct dumping {
    struct sacctmgr *s;
    const struct rule_book *assocs, *accounts, *users;
    struct buf lines;
};

static void put_words(const char *key, const struct strs *words, struct buf *out)
{
    if (!words->n)
        return;
    buf_printf(out, ":%s='", key);
    for (uint32_t i = 0; i < words->n; i++)
        buf_printf(out, "%s%s", i ? "," : "", words->v[i]);
    buf_putc(out, '\'');
}

static void put_limit(const struct rule_limits *l, unsigned i, struct buf *out)
{
    const void *at = (const char *)l + limits[i].offset;
    const char *text = limits[i].is_text ? *(const char *const *)at : NULL;
    const struct opt_u32 *count = at;

    if (text && *text)
        buf_printf(out, strchr(text, ':') ? ":%s='%s'" : ":%s=%s", limits[i].key, text);
    else if (!limits[i].is_text && count->set)
        buf_printf(out, ":%s=%u", limits[i].key, count->v);
}

/* "+high" and "-low" by what stands behind the sign. */
static int by_name(const void *x, const void *y)
{
    const char *a = *(const char *const *)x, *b = *(const char *const *)y;

    return strcmp(a + (strchr("+-", *a) != NULL), b + (strchr("+-", *b) != NULL));
}

static void put_settings(const struct rule_assoc *a, struct buf *out)
{
    if (*a->def_qos)
        buf_printf(out, ":DefaultQOS='%s'", a->def_qos);
    if (a->shares == UINT32_MAX)
        buf_puts(out, ":Fairshare=parent");
    else
        buf_printf(out, ":Fairshare=%u", a->shares);
    for (unsigned i = 0; i < sizeof limits / sizeof *limits && a->limits; i++)
        put_limit(a->limits, i, out);
    if (a->priority.set)
        buf_printf(out, ":Priority=%u", a->priority.v);
    if (a->qos.n)
        qsort(a->qos.v, a->qos.n, sizeof *a->qos.v, by_name);
    put_words("QOS", &a->qos, out);
    buf_putc(out, '\n');
}

static void put_user(struct dumping *d, const struct rule_assoc *a)
{
    const struct rule_user *u = NULL;
    struct strs keys = { arena_calloc(&d->s->arena, d->users->wckeys.n + 1, sizeof(char *)), 0 };

    for (uint32_t i = 0; i < d->users->users.n; i++)
        if (strcmp(d->users->users.v[i].name, a->user) == 0)
            u = &d->users->users.v[i];
    for (uint32_t i = 0; i < d->users->wckeys.n; i++)
        if (strcmp(d->users->wckeys.v[i].user, a->user) == 0)
            keys.v[keys.n++] = d->users->wckeys.v[i].name;
    buf_printf(&d->lines, "User - '%s'", a->user);
    if (*a->partition)
        buf_printf(&d->lines, ":Partition='%s'", a->partition);
    if (u && *u->def_account)
        buf_printf(&d->lines, ":DefaultAccount='%s'", u->def_account);
    if (u && *u->def_wckey)
        buf_printf(&d->lines, ":DefaultWCKey='%s'", u->def_wckey);
    if (u && strcmp(u->admin_level, "None") != 0)
        buf_printf(&d->lines, ":AdminLevel='%s'", u->admin_level);
    if (u)
        put_words("Coordinator", &u->coordinates, &d->lines);
    put_words("WCKeys", &keys, &d->lines);
    put_settings(a, &d->lines);
}

static void put_account(struct dumping *d, const struct rule_assoc *a)
{
    buf_printf(&d->lines, "Account - '%s'", a->account);
    for (uint32_t i = 0; i < d->accounts->accounts.n; i++) {
        const struct rule_account *row = &d->accounts->accounts.v[i];

        if (strcmp(row->name, a->account) == 0)
            buf_printf(&d->lines, ":Description='%s':Organization='%s'", row->description,
                       row->organization);
    }
    put_settings(a, &d->lines);
}

/* Each account that has something below it: a Parent line, then its users and accounts. */
static void put_below(struct dumping *d, const struct rule_assoc *parent)
{
    bool is_first = true;

    for (uint32_t i = 0; i < d->assocs->assocs.n; i++) {
        const struct rule_assoc *a = &d->assocs->assocs.v[i];

        if (a->parent != parent->id)
            continue;
        if (is_first)
            buf_printf(&d->lines, "Parent - '%s'\n", parent->account);
        is_first = false;
        if (*a->user)
            put_user(d, a);
        else
            put_account(d, a);
    }
}

static int ask(struct sacctmgr *s, const char *entity, const char *cluster, struct rule_book **ret)
{
    const char *flags[] = { "WOPLimits", "WithRawQOSLevel" };
    struct key_value where = { "Clusters", cluster, "" };
    struct rule_query q = { .entity = entity,
                            .where = { &where, cluster ? 1 : 0 },
                            .flags = { flags, 2 } };
    struct err e = { 0 };

    if (client_call(s->conn.client, OP_rule_list, &q, &s->arena, (void **)ret, &e) < 0)
        return sacctmgr_fail(s, e.text);
    return 0;
}

static int write_file(struct sacctmgr *s, const char *path, struct buf *lines)
{
    CLEANUP(fclosep) FILE *out = fopen(path, "we");
    bool fine = out && fputs(preface, out) >= 0 &&
                fwrite(lines->data, 1, lines->len, out) == lines->len && fflush(out) == 0;

    if (!fine)
        return sacctmgr_fail(
            s, arena_printf(&s->arena, " Unable to write file %s: %s", path, strerror(errno)));
    for (const char *at = buf_str(lines), *end; (end = strchr(at, '\n')); at = end + 1)
        printf("sacctmgr: %.*s\n", (int)(end - at), at);
    return 0;
}

/* The value of a word "File=x"; the word itself when it has no key of that name. */
static const char *value_of(const char *word, const char *key)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : 0;

    return len && strncasecmp(key, word, len) == 0 ? equals + 1 : NULL;
}

int sacctmgr_dump(struct sacctmgr *s, char **words)
{
    const char *cluster = NULL, *file = NULL;
    struct rule_book *assocs, *accounts, *users, *keys;
    struct dumping d = { .s = s };
    int r;

    for (; *words; words++) {
        if (value_of(*words, "File"))
            file = value_of(*words, "File");
        else
            cluster = value_of(*words, "Cluster") ? value_of(*words, "Cluster") : *words;
    }
    if (!cluster)
        return sacctmgr_fail(s, " We need a cluster to dump.");
    if (ask(s, "association", cluster, &assocs) || ask(s, "account", NULL, &accounts) ||
        ask(s, "user", NULL, &users) || ask(s, "wckey", cluster, &keys))
        return 1;
    if (!assocs->assocs.n)
        return sacctmgr_fail(s, arena_printf(&s->arena, " No cluster named %s", cluster));
    users->wckeys.v = keys->wckeys.v;
    users->wckeys.n = keys->wckeys.n;
    d.assocs = assocs;
    d.accounts = accounts;
    d.users = users;
    if (!file) {
        file = arena_printf(&s->arena, "./%s.cfg", cluster);
        printf(" No filename given, using %s.\n", file);
    }
    buf_printf(&d.lines, "Cluster - '%s'", cluster);
    put_settings(&assocs->assocs.v[0], &d.lines);
    for (uint32_t i = 0; i < assocs->assocs.n; i++)
        if (!*assocs->assocs.v[i].user)
            put_below(&d, &assocs->assocs.v[i]);
    r = write_file(s, file, &d.lines);
    buf_fini(&d.lines);
    return r;
}

/* ---- load */

struct loading {
    struct sacctmgr *s;
    const char *cluster, *parent;
    bool is_renamed, is_clean;
    struct key_value v[PAIRS_MAX];
    uint32_t n;
    const char *name;
};

/* The end of a value: the next ':' that a key follows, or the closing quote. */
static const char *value_end(const char *at)
{
    if (*at == '\'') {
        const char *close = strchr(at + 1, '\'');

        return close ? close + 1 : at + strlen(at);
    }
    for (;; at++) {
        size_t key = *at == ':' ? 1 : 0;

        while (key && isalpha((unsigned char)at[key]))
            key++;
        if (!*at || (key > 1 && at[key] == '='))
            return at;
    }
}

static const char *unquoted(const char *from, const char *to, struct arena *a)
{
    if (to > from + 1 && *from == '\'' && to[-1] == '\'')
        return arena_strndup(a, from + 1, (size_t)(to - from - 2));
    return arena_strndup(a, from, (size_t)(to - from));
}

/* "'name':Key=value:Key='value'" behind the dash. */
static int read_pairs(struct loading *l, const char *at, struct err *e)
{
    const char *end = value_end(at);

    l->name = unquoted(at, end, &l->s->arena);
    l->n = 0;
    while (*end == ':') {
        const char *key = end + 1, *equals = strchr(key, '=');

        if (!equals || l->n == PAIRS_MAX - 4)
            return err_set(e, EINVAL, "expected Key=value, found \"%.60s\"", key);
        end = value_end(equals + 1);
        l->v[l->n++] = (struct key_value){ arena_strndup(&l->s->arena, key, (size_t)(equals - key)),
                                           unquoted(equals + 1, end, &l->s->arena), "" };
    }
    return *end ? err_set(e, EINVAL, "unexpected \"%.60s\"", end) : 0;
}

static int send(struct loading *l, struct rule_change *wish, struct err *e)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct rule_changed *did;
    int r = client_call(l->s->conn.client, OP_rule_change, wish, &l->s->arena, (void **)&did, e);

    if (r == 0 && strcmp(wish->verb, "add") == 0)
        rule_say(wish, did, &out);
    if (r == 0)
        sacctmgr_say(l->s, buf_str(&out));
    return r;
}

/* Adds what is not there yet; what is there gets the file's settings. */
static int add_or_modify(struct loading *l, const char *entity, const struct key_value *place,
                         uint32_t places, struct err *e)
{
    struct key_value all[2 * PAIRS_MAX], where[8], set[PAIRS_MAX];
    struct rule_change add = { .entity = entity, .verb = "add", .where = { all, 0 } };
    struct rule_change modify = {
        .entity = entity, .verb = "modify", .where = { where, 0 }, .set = { set, 0 }
    };
    int r;

    all[add.where.n++] = where[modify.where.n++] = (struct key_value){ "Names", l->name, "" };
    for (uint32_t i = 0; i < places; i++) {
        all[add.where.n++] = place[i];
        if (strcmp(place[i].key, "Parent") == 0)
            set[modify.set.n++] = place[i];
        else
            where[modify.where.n++] = place[i];
    }
    for (uint32_t i = 0; i < l->n; i++) {
        bool is_key = strcasecmp(l->v[i].key, "WCKeys") == 0;
        bool is_place = strcasecmp(l->v[i].key, "Partition") == 0;

        all[add.where.n++] = l->v[i];
        if (is_place)
            where[modify.where.n++] = l->v[i];
        else if (!is_key && strncasecmp(l->v[i].key, "Default", 7) != 0)
            set[modify.set.n++] = l->v[i];
    }
    r = send(l, &add, e);
    if (r == -EEXIST && modify.set.n)
        r = send(l, &modify, e);
    return r == -EEXIST ? 0 : r;
}

static int load_cluster(struct loading *l, struct err *e)
{
    struct key_value name;
    struct rule_change gone = { .entity = "cluster", .verb = "delete", .where = { &name, 1 } };
    struct err none;

    if (!l->is_renamed)
        l->cluster = l->name;
    l->name = l->cluster;
    l->parent = "root";
    name = (struct key_value){ "Names", l->cluster, "" };
    if (l->is_clean)
        send(l, &gone, &none);
    printf("For cluster %s\n", l->cluster);
    return add_or_modify(l, "cluster", NULL, 0, e);
}

static int load_account(struct loading *l, struct err *e)
{
    struct key_value place[] = { { "Parent", l->parent, "" }, { "Clusters", l->cluster, "" } };

    return add_or_modify(l, "account", place, 2, e);
}

/* Coordinators are named behind their users: the accounts are there by then, or follow soon; those
 * that are not are left out. */
static int load_user(struct loading *l, struct err *e)
{
    struct key_value place[] = { { "Accounts", l->parent, "" }, { "Clusters", l->cluster, "" } };
    const char *coordinates = NULL;
    struct key_value who = { "Names", l->name, "" }, first = { "DefaultAccount", l->parent, "" };
    struct rule_change prefer = {
        .entity = "user", .verb = "modify", .where = { &who, 1 }, .set = { &first, 1 }
    };
    bool is_first = false;
    uint32_t n = 0;
    int r;

    for (uint32_t i = 0; i < l->n; i++) {
        bool is_default = strcasecmp(l->v[i].key, "DefaultAccount") == 0;

        if (strcasecmp(l->v[i].key, "Coordinator") == 0)
            coordinates = l->v[i].value;
        else if (is_default)
            is_first |= strcmp(l->v[i].value, l->parent) == 0;
        else
            l->v[n++] = l->v[i];
    }
    l->n = n;
    r = add_or_modify(l, "user", place, 2, e);
    if (r == 0 && is_first)
        r = send(l, &prefer, e);
    if (r == 0 && coordinates) {
        struct key_value both[] = { { "Names", l->name, "" }, { "Accounts", coordinates, "" } };
        struct rule_change wish = { .entity = "coordinator", .verb = "add", .where = { both, 2 } };

        send(l, &wish, NULL);
    }
    return r;
}

static int load_parent(struct loading *l, struct err *e)
{
    l->parent = l->name;
    return 0;
}

static int load_line(struct loading *l, char *line, struct err *e)
{
    static const struct {
        const char *kind;
        int (*load)(struct loading *, struct err *);
    } kinds[] = { { "Cluster", load_cluster }, { "Machine", load_cluster },
                  { "Parent", load_parent },   { "Account", load_account },
                  { "Project", load_account }, { "User", load_user } };
    const char *dash;

    line[strcspn(line, "#\r\n")] = 0;
    if (!line[strspn(line, " \t")])
        return 0;
    dash = strstr(line, " - ");
    for (unsigned i = 0; dash && i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].kind);

        if (strncasecmp(line, kinds[i].kind, len) != 0 || line[len] != ' ')
            continue;
        if (kinds[i].load != load_cluster && !l->cluster)
            return err_set(e, EINVAL,
                           "You need to specify a cluster name first with "
                           "'Cluster - name' in your file");
        int r = read_pairs(l, dash + 3 + strspn(dash + 3, " "), e);
        return r == 0 ? kinds[i].load(l, e) : r;
    }
    return err_set(e, EINVAL, "Misformatted line: %.100s", line);
}

int sacctmgr_load(struct sacctmgr *s, char **words)
{
    struct loading l = { .s = s, .parent = "root" };
    const char *path = NULL;
    char *line = NULL;
    size_t cap = 0;
    struct err e = { 0 };
    int r = 0;

    for (; *words; words++) {
        if (strcasecmp(*words, "clean") == 0)
            l.is_clean = true;
        else if (value_of(*words, "Cluster"))
            l.cluster = value_of(*words, "Cluster");
        else
            path = value_of(*words, "File") ? value_of(*words, "File") : *words;
    }
    if (!path)
        return sacctmgr_fail(s, " We need a file to load.");
    if (s->is_readonly)
        return sacctmgr_fail(s, "Can't run this command in readonly mode.");
    l.is_renamed = l.cluster != NULL;
    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    if (!in)
        return sacctmgr_fail(
            s, arena_printf(&s->arena, " Unable to open file %s: %s", path, strerror(errno)));
    if (!sacctmgr_ask(s, "Would you like to load this file into the rule book?"))
        return puts(" Changes Discarded"), 0;
    for (unsigned n = 1; r == 0 && getline(&line, &cap, in) >= 0; n++) {
        r = load_line(&l, line, &e);
        if (r < 0)
            sacctmgr_fail(s, arena_printf(&s->arena, "%s\n Problem with line(%u)", e.text, n));
    }
    free(line);
    return r < 0;
}
