/* What the files of sreport share. */
#ifndef CLI_SREPORT_H
#define CLI_SREPORT_H

#include "base/arena.h"
#include "cli/connect.h"
#include "schema/messages.h"

enum report_kind { ROWS, ACCOUNT_TREE, WCKEY_TREE, CLUSTER, SIZES, RESERVATION, TOP };

/* -t: whole units, a share of the total, or both. */
struct report_unit {
    const char *name;  /* as -t takes it */
    const char *words; /* in the title */
    unsigned seconds;  /* 0: only the share */
    bool has_share;
};

struct report_def {
    const char *group, *name, *title;
    enum report_kind kind;
    const char *by, *format;
};

struct sreport {
    struct connection conn;
    struct arena arena;
    const struct report_unit *unit;
    struct strs tres;     /* -T; none: cpu, and energy beside it */
    struct strs clusters; /* -M; none: the asker's */
    bool all_clusters, no_header, is_over;
    int parsable; /* 1: -p, 2: -P */
    int status;
    int64_t now;
};

/* One report asked for. */
struct asked {
    const struct report_def *def;
    int64_t start, end;
    struct strs accounts, users, wckeys, grouping;
    const char *format;
    unsigned top;
    bool is_tree, is_grouped, is_flat, counts_jobs;
};

/* A column as it stands in a report; width negative: left. */
struct report_column {
    const char *name, *heading;
    int width;
};

/* Lines of ready texts. */
struct report_table {
    const struct report_column *columns;
    unsigned n;
    const char *const *texts; /* line after line */
    unsigned lines;
};

/* The title's lines, the heading, the lines.  `title` NULL: the report's. */
void report_print(const struct sreport *s, const struct asked *q, const char *unit,
                  const struct report_table *t);

/* "120", "1.04%", "2(1.04%)": seconds in the unit asked for. */
const char *report_amount(struct sreport *s, uint64_t seconds, uint64_t total);
int report_amount_width(const struct sreport *s);
/* "CPU Minutes", "Percentage of Total" ... */
const char *report_unit_words(struct sreport *s);

int report_rows(struct sreport *s, struct asked *q);
int report_clusters(struct sreport *s, struct asked *q);
int report_sizes(struct sreport *s, struct asked *q);

int sreport_fail(struct sreport *s, const char *text);
/* Asks slurmdbd for the window and clusters of q. */
int sreport_ask(struct sreport *s, const struct asked *q, struct usage_query *query,
                struct usage_info **ret);
uint64_t report_total(const struct usage_info *info, const char *cluster, const char *tres);

#endif
