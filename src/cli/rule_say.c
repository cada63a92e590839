/* What sacctmgr says about a change (rule_say.h). */
#include "cli/rule_say.h"

#include "cli/rule_lines.h"

#include <string.h>
#include <strings.h>

struct saying {
    const struct rule_change *wish;
    const struct rule_changed *did;
    struct buf *out;
};

/* The value that a setting was given, as it was written; NULL: not given. */
static const char *given(const struct saying *s, const char *name, unsigned least)
{
    const struct rule_change *w = s->wish;

    for (uint32_t i = 0; i < w->where.n + w->set.n; i++) {
        const struct key_value *kv = i < w->where.n ? &w->where.v[i] : &w->set.v[i - w->where.n];
        size_t len = strlen(kv->key);

        if (len >= least && strncasecmp(kv->key, name, len) == 0)
            return kv->value;
    }
    return NULL;
}

static void say_names(const struct saying *s, const char *heading)
{
    if (!s->did->names.n)
        return;
    buf_printf(s->out, " %s\n", heading);
    for (uint32_t i = 0; i < s->did->names.n; i++)
        buf_printf(s->out, "  %s\n", s->did->names.v[i]);
}

/* Two labels stand closer than the rest of a QOS's, in the real one too. */
static int width_of(const char *label, int width)
{
    bool is_close = strcmp(label, "Description") == 0 || strcmp(label, "MaxJobsPerUser") == 0;

    return is_close && width > 14 ? 14 : width;
}

static void say_pairs(const struct saying *s, const struct key_value *v, uint32_t n, int width)
{
    struct arena a = { 0 };

    for (uint32_t i = 0; i < n; i++) {
        bool is_tres = strstr(v[i].key, "TRES") != NULL;

        buf_printf(s->out, "  %-*s = %s\n", width_of(v[i].key, width), v[i].key,
                   is_tres ? rule_tres_text(v[i].value, &a) : v[i].value);
    }
    arena_fini(&a);
}

static void say_limits(const struct saying *s)
{
    say_pairs(s, s->did->limits.v, s->did->limits.n, 13);
}

static void say_defaults(const struct saying *s)
{
    if (!s->did->limits.n)
        return;
    buf_puts(s->out, " Setting\n  Default Limits:\n");
    say_limits(s);
}

static void say_lower(const struct saying *s, const char *label, const char *text,
                      const char *otherwise)
{
    buf_printf(s->out, "  %-15s = ", label);
    for (const char *p = text ? text : otherwise; *p; p++)
        buf_putc(s->out, (char)(text && *p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
    buf_putc(s->out, '\n');
}

/* ---- added */

static void added_cluster(const struct saying *s)
{
    buf_puts(s->out, " Adding Cluster(s)\n");
    for (uint32_t i = 0; i < s->did->names.n; i++)
        buf_printf(s->out, "  Name           = %s\n", s->did->names.v[i]);
    say_defaults(s);
}

static void added_account(const struct saying *s)
{
    say_names(s, "Adding Account(s)");
    if (s->did->names.n) {
        buf_puts(s->out, " Settings\n");
        say_lower(s, "Description", given(s, "Description", 3), "Account Name");
        say_lower(s, "Organization", given(s, "Organization", 1), "Parent/Account Name");
    }
    if (s->did->assocs.n)
        buf_puts(s->out, " Associations\n");
    for (uint32_t i = 0; i < s->did->assocs.n; i++)
        buf_printf(s->out, "  A = %-10s C = %-10s\n", s->did->assocs.v[i].account,
                   s->did->assocs.v[i].cluster);
    if (!*s->did->note)
        return;
    buf_puts(s->out, " Settings\n");
    say_limits(s);
    buf_printf(s->out, "  %-13s = %s\n", "Parent", s->did->note);
}

static void said_of_user(const struct saying *s)
{
    const char *account = given(s, "DefaultAccount", 8), *level = given(s, "AdminLevel", 2);

    if (account || level)
        buf_puts(s->out, " Settings =\n");
    if (account)
        buf_printf(s->out, "  Default Account = %s\n", account);
    if (level)
        buf_printf(s->out, "  Admin Level     = %s\n",
                   strncasecmp(level, "a", 1) == 0   ? "Administrator"
                   : strncasecmp(level, "o", 1) == 0 ? "Operator"
                                                     : "None");
}

static void added_user(const struct saying *s)
{
    say_names(s, "Adding User(s)");
    said_of_user(s);
    if (s->did->assocs.n)
        buf_puts(s->out, " Associations =\n");
    for (uint32_t i = 0; i < s->did->assocs.n; i++) {
        const struct rule_assoc *a = &s->did->assocs.v[i];

        buf_printf(s->out, "  U = %-9s A = %-10s C = %-10s", a->user, a->account, a->cluster);
        if (*a->partition)
            buf_printf(s->out, " P = %-10s", a->partition);
        buf_putc(s->out, '\n');
    }
    if (s->did->wckeys.n)
        buf_puts(s->out, " WCKeys =\n");
    for (uint32_t i = 0; i < s->did->wckeys.n; i++)
        buf_printf(s->out, "  U = %-9s W = %-10s C = %-10s\n", s->did->wckeys.v[i].user,
                   s->did->wckeys.v[i].name, s->did->wckeys.v[i].cluster);
    if (s->did->limits.n || !given(s, "DefaultAccount", 8))
        buf_puts(s->out, " Non Default Settings\n");
    say_limits(s);
}

static void added_qos(const struct saying *s)
{
    say_names(s, "Adding QOS(s)");
    buf_puts(s->out, " Settings\n");
    if (!given(s, "Description", 3) && s->did->names.n)
        buf_printf(s->out, "  %-14s = %s\n", "Description", s->did->names.v[s->did->names.n - 1]);
    say_pairs(s, s->did->settings.v, s->did->settings.n, 24);
}

static void added_coordinator(const struct saying *s)
{
    say_names(s, "Adding Coordinator User(s)");
    buf_puts(s->out, " To Account(s) and all sub-accounts\n");
    for (uint32_t i = 0; i < s->did->accounts.n; i++)
        buf_printf(s->out, "  %s\n", s->did->accounts.v[i]);
}

static void added_resource(const struct saying *s)
{
    const char *const fields[][2] = { { "Description", "Description" }, { "Count", "Count" } };

    buf_puts(s->out, " Adding Resource(s)\n");
    for (uint32_t i = 0; i < s->did->names.n; i++)
        buf_printf(s->out, "  %s\n", s->did->names.v[i]);
    for (uint32_t i = 0; i < s->did->shares.n; i++)
        buf_printf(s->out, "   Cluster - %s\t%u%%\n", s->did->shares.v[i].cluster,
                   s->did->shares.v[i].allowed);
    buf_puts(s->out, " Settings\n");
    if (given(s, "Names", 1))
        buf_printf(s->out, "  Name           = %s\n", given(s, "Names", 1));
    if (given(s, "Server", 1))
        buf_printf(s->out, "  Server         = %s\n", given(s, "Server", 1));
    for (unsigned i = 0; i < 2; i++) {
        const char *text = given(s, fields[i][0], 1);

        text = !text && i == 0 ? given(s, "Names", 1) : text;
        if (text)
            buf_printf(s->out, "  %-14s = %s\n", fields[i][1], text);
    }
    buf_puts(s->out, "  Type           = License\n");
}

/* ---- modified */

static void say_assoc(const struct saying *s, const struct rule_assoc *a)
{
    if (*a->user && *a->partition)
        buf_printf(s->out, "  C = %-10s A = %-20s U = %-9s P = %s\n", a->cluster, a->account,
                   a->user, a->partition);
    else if (*a->user)
        buf_printf(s->out, "  C = %-10s A = %-20s U = %-9s\n", a->cluster, a->account, a->user);
    else if (*a->comment)
        buf_printf(s->out, "  C = %-10s A = %s of %s\n", a->cluster, a->account, a->comment);
    else
        buf_printf(s->out, "  C = %-10s A = %s\n", a->cluster, a->account);
}

static void say_assocs(const struct saying *s, const char *heading)
{
    if (!s->did->assocs.n)
        return;
    buf_printf(s->out, " %s\n", heading);
    for (uint32_t i = 0; i < s->did->assocs.n; i++)
        say_assoc(s, &s->did->assocs.v[i]);
}

static void modified_cluster(const struct saying *s)
{
    say_defaults(s);
    say_assocs(s, "Modified cluster defaults for associations...");
    if (!s->did->assocs.n)
        say_names(s, "Modified cluster...");
}

static void modified_account(const struct saying *s)
{
    say_names(s, "Modified accounts...");
    say_assocs(s, "Modified account associations...");
}

static void modified_user(const struct saying *s)
{
    say_names(s, "Modified users...");
    say_assocs(s, "Modified user associations...");
}

static void modified_qos(const struct saying *s)
{
    say_names(s, "Modified qos...");
}

static void modified_resource(const struct saying *s)
{
    say_names(s, "Modified server resource ...");
}

static void modified_job(const struct saying *s)
{
    say_names(s, "Modified jobs...");
}

/* ---- deleted */

static void deleted_cluster(const struct saying *s)
{
    say_names(s, "Deleting clusters...");
}

static void say_gone(const struct saying *s, const char *heading)
{
    if (s->did->assocs.n)
        buf_printf(s->out, " %s\n", heading);
    for (uint32_t i = 0; i < s->did->assocs.n; i++) {
        const struct rule_assoc *a = &s->did->assocs.v[i];

        if (*a->partition)
            buf_printf(s->out, "  C = %-10s A = %-10s U = %-9s P = %s\n", a->cluster, a->account,
                       a->user, a->partition);
        else if (*a->user)
            buf_printf(s->out, "  C = %-10s A = %-10s U = %-9s\n", a->cluster, a->account, a->user);
        else
            say_assoc(s, a);
    }
}

static void deleted_account(const struct saying *s)
{
    say_names(s, "Deleting accounts...");
    say_gone(s, "Deleting account associations...");
}

static void deleted_user(const struct saying *s)
{
    say_names(s, "Deleting users...");
    say_gone(s, "Deleting user associations...");
}

static void deleted_qos(const struct saying *s)
{
    say_names(s, "Deleting QOS(s)...");
}

static void deleted_coordinator(const struct saying *s)
{
    say_names(s, "Removing Coordinators with user name");
    buf_puts(s->out, " From Account(s)\n");
    for (uint32_t i = 0; i < s->did->accounts.n; i++)
        buf_printf(s->out, "  %s\n", s->did->accounts.v[i]);
    buf_puts(s->out, " Removed Coordinators (sub accounts not listed)...\n");
    for (uint32_t i = 0; i < s->did->names.n; i++)
        for (uint32_t k = 0; k < s->did->accounts.n; k++)
            buf_printf(s->out, "  U = %-9s A = %-10s\n", s->did->names.v[i], s->did->accounts.v[k]);
}

static void deleted_resource(const struct saying *s)
{
    say_names(s, "Deleting resource(s)...");
}

static const struct {
    const char *verb, *entity;
    void (*say)(const struct saying *s);
} sayings[] = {
    { "add", "cluster", added_cluster },
    { "add", "account", added_account },
    { "add", "user", added_user },
    { "add", "qos", added_qos },
    { "add", "coordinator", added_coordinator },
    { "add", "resource", added_resource },
    { "modify", "cluster", modified_cluster },
    { "modify", "account", modified_account },
    { "modify", "user", modified_user },
    { "modify", "qos", modified_qos },
    { "modify", "resource", modified_resource },
    { "modify", "job", modified_job },
    { "delete", "cluster", deleted_cluster },
    { "delete", "account", deleted_account },
    { "delete", "user", deleted_user },
    { "delete", "qos", deleted_qos },
    { "delete", "coordinator", deleted_coordinator },
    { "delete", "resource", deleted_resource },
};

void rule_say(const struct rule_change *wish, const struct rule_changed *did, struct buf *out)
{
    const struct saying s = { wish, did, out };

    for (unsigned i = 0; i < sizeof sayings / sizeof *sayings; i++)
        if (strcmp(sayings[i].verb, wish->verb) == 0 &&
            strcmp(sayings[i].entity, wish->entity) == 0)
            sayings[i].say(&s);
}
