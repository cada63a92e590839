/* What sacct prints a line about: a job, or one of its steps; and the table of columns over such
 * lines. */
#ifndef CLI_ACCT_LINE_H
#define CLI_ACCT_LINE_H

#include "wire/text.h"

struct acct_line {
    const char *cluster;
    const struct acct_record *record;
    const struct acct_job *job;
    const struct acct_step *step; /* NULL: the job's own line */
    int64_t cut_start, cut_end;   /* --truncate; 0: not */
};

extern const struct text_table acct_table;

/* "12", "12_3", "12_[5-9]"; with raw, the id that the controller gave. Steps add ".batch", ".0". */
void acct_line_id(const struct acct_line *l, bool raw, struct buf *out);

#endif
