/* sshare: who was promised how much of the cluster, who has used how much.  Fetches the tree,
 * leaves out who was not asked for, prints columns. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "schema/rpc.h"

#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct options {
    struct strs accounts, users, clusters;
    const char *format;
    bool all, is_long, partition, no_header, parsable, parsable2, users_only, helpformat;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg arg_rows[] = {
    { "accounts", 'A', ARG_LIST, O(accounts), NULL, "list", "only these accounts" },
    { "all", 'a', ARG_FLAG, O(all), NULL, NULL, "every user" },
    { "clusters", 'M', ARG_LIST, O(clusters), "SLURM_CLUSTERS", "list", "ask these clusters" },
    { "format", 'o', ARG_TEXT, O(format), NULL, "list", "columns: Account,User,FairShare%10" },
    { "helpformat", 'e', ARG_FLAG, O(helpformat), NULL, NULL, "names of the columns" },
    { "long", 'l', ARG_FLAG, O(is_long), NULL, NULL, "more columns" },
    { "noheader", 'n', ARG_FLAG, O(no_header), NULL, NULL, "no headings" },
    { "parsable", 'p', ARG_FLAG, O(parsable), NULL, NULL, "a|b|c|" },
    { "parsable2", 'P', ARG_FLAG, O(parsable2), NULL, NULL, "a|b|c" },
    { "partition", 'm', ARG_FLAG, O(partition), NULL, NULL, "partitions of associations" },
    { "users", 'u', ARG_LIST, O(users), NULL, "list", "only these users" },
    { "Users", 'U', ARG_FLAG, O(users_only), NULL, NULL, "users without their accounts" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say what was asked for" },
};
static const struct args args = { "sshare", "", "Shows shares and usage.", arg_rows,
                                  sizeof arg_rows / sizeof arg_rows[0] };

/* ---- columns */

static bool is_root(const struct share_info *s)
{
    return s->depth == 0 && !*s->user && s->norm_shares == 0;
}

static void print_account(const struct text_cell *cell, struct buf *out)
{
    const struct share_info *s = cell->row;

    buf_printf(out, "%*s%s", (int)s->depth, "", s->account);
}

static void print_shares(const struct text_cell *cell, struct buf *out)
{
    const struct share_info *s = cell->row;

    if (s->shares == UINT32_MAX)
        buf_puts(out, "parent");
    else if (!is_root(s))
        buf_printf(out, "%u", s->shares);
}

static void print_part(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%f", *(const double *)cell->at);
}

static void print_raw(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%.0f", *(const double *)cell->at);
}

static void print_norm_usage(const struct text_cell *cell, struct buf *out)
{
    if (!is_root(cell->row))
        print_part(cell, out);
}

static void print_factor(const struct text_cell *cell, struct buf *out)
{
    if (*((const struct share_info *)cell->row)->user)
        print_part(cell, out);
}

static void print_level(const struct text_cell *cell, struct buf *out)
{
    if (!is_root(cell->row))
        print_part(cell, out);
}

#define COL(name, width, align, member, printer)                                                \
    {                                                                                           \
#name, 0, #name, width, TEXT_##align, TEXT_DIRECT, offsetof(struct share_info, member), \
            TEXT_KIND(share_info, member), print_##printer, NULL, ""                            \
    }
static const struct text_column columns[] = {
    COL(Account, 20, LEFT, account, account),
    COL(Cluster, 10, RIGHT, account, nothing),
    COL(EffectvUsage, 13, RIGHT, effective, part),
    COL(FairShare, 10, RIGHT, factor, factor),
    COL(GrpTRESMins, 30, RIGHT, grp_tres_mins, value),
    COL(GrpTRESRaw, 30, RIGHT, tres_used, value),
    COL(ID, 6, RIGHT, id, value),
    COL(LevelFS, 10, RIGHT, level, level),
    COL(NormShares, 11, RIGHT, norm_shares, part),
    COL(NormUsage, 11, RIGHT, norm_usage, norm_usage),
    COL(Partition, 12, RIGHT, partition, value),
    COL(RawShares, 10, RIGHT, shares, shares),
    COL(RawUsage, 11, RIGHT, usage, raw),
    COL(TRESRunMins, 30, RIGHT, tres_run_mins, value),
    COL(User, 10, RIGHT, user, value),
};
static const struct text_table table = { "field", columns, sizeof columns / sizeof columns[0] };

static char *default_fields(const struct options *o, struct arena *a)
{
    return arena_printf(a,
                        "Account,User,%sRawShares,NormShares,RawUsage,%sEffectvUsage,FairShare%s",
                        o->partition ? "Partition," : "", o->is_long ? "NormUsage," : "",
                        o->is_long ? ",LevelFS,GrpTRESMins,TRESRunMins" : "");
}

static int help_fields(void)
{
    for (size_t i = 0; i < table.n; i++)
        printf("%-17s%s", columns[i].name, (i + 1) % 4 == 0 || i + 1 == table.n ? "\n" : " ");
    return 0;
}

/* ---- rows */

/* Without -a and -u a user sees the own lines among the accounts. */
static bool is_wanted(const struct options *o, const struct share_info *s, const char *me)
{
    if (o->accounts.n && !args_list_has(&o->accounts, s->account))
        return false;
    if (!*s->user)
        return !o->users_only;
    if (o->users.n)
        return args_list_has(&o->users, s->user);
    return o->all || (me && strcmp(me, s->user) == 0);
}

/* Lines of named accounts begin at the left, and so do those of users alone. */
static uint32_t shown_depth(const struct options *o, const struct share_info *s)
{
    if (o->users_only)
        return 0;
    return o->accounts.n ? *s->user != '\0' : s->depth;
}

static void say_asked(const char *what, const struct strs *list)
{
    printf("%s requested:\n", what);
    for (uint32_t i = 0; i < list->n; i++)
        printf("\t: %s\n", list->v[i]);
    if (list->n == 0)
        puts("\t: all");
}

static void print_line(const struct options *o, const struct text_format *f,
                       const struct share_info *row, struct buf *out)
{
    struct text_env env = { .now = 0 };

    if (o->parsable || o->parsable2)
        text_parsable(f, row, &env, "|", o->parsable, out);
    else if (row)
        text_row(f, row, &env, out);
    else
        text_header(f, out);
    if (!row && !o->parsable && !o->parsable2)
        text_rule(f, out);
}

static void print_all(const struct options *o, const struct share_infos *all, struct arena *a,
                      struct buf *out)
{
    const struct passwd *pw = getpwuid(geteuid());
    struct text_format f;

    text_fields(&table, o->format ? o->format : default_fields(o, a), a, &f);
    f.cut_mark = '+';
    if (!o->no_header)
        print_line(o, &f, NULL, out);
    for (uint32_t i = 0; i < all->shares.n; i++) {
        struct share_info row = all->shares.v[i];
        if (!is_wanted(o, &row, pw ? pw->pw_name : NULL))
            continue;
        row.depth = shown_depth(o, &row);
        print_line(o, &f, &row, out);
    }
}

static int run(struct connection *c, const struct options *o, struct arena *a, struct buf *out)
{
    struct share_infos *all;
    struct err e = { 0 };

    if (connection_open(c, &e) < 0) {
        fprintf(stderr, "sshare: fatal: %s\n", e.text);
        return 1;
    }
    if (output_clusters_check("sshare", &o->clusters, conf_str(c->conf, "ClusterName")) < 0)
        return 1;
    if (client_call(c->client, OP_share_list, &(struct empty){}, a, (void **)&all, &e) < 0) {
        output_load_error("sshare: error: Couldn't get shares from controller", &e);
        return 1;
    }
    print_all(o, all, a, out);
    output_flush(out);
    if (o->verbose) {
        say_asked("Users", &o->users);
        say_asked("Accounts", &o->accounts);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct arena a = { 0 };
    struct options o = { 0 };
    struct connection c = { 0 };
    struct buf out = { 0 };
    int first = args_parse(&args, argc, argv, &a, &o);
    int rc = first == ARGS_DONE ? 0 : first < 0 ? 1 : o.helpformat ? help_fields() : -1;

    if (rc < 0)
        rc = run(&c, &o, &a, &out);
    buf_fini(&out);
    connection_close(&c);
    arena_fini(&a);
    return rc;
}
