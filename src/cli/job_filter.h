/* Which jobs squeue shows.  Pure: a job and a filter in, yes or no out. */
#ifndef CLI_JOB_FILTER_H
#define CLI_JOB_FILTER_H

#include "base/hostlist.h"
#include "schema/messages.h"

struct job_filter {
    struct strs jobs, users, accounts, partitions, qos, names, states, licenses;
    const char *reservation; /* NULL: any */
    struct hostlist nodes;   /* empty: any */
    struct strs hidden;      /* partitions not shown unless named */
};

/* Empty lists let everything through; no states means those that are not over yet. */
bool job_wanted(const struct job_filter *f, const struct job_info *job, struct arena *a);

/* Does "12", "12_3" or "12_[1-3]" name this record, or tasks inside it? */
bool job_id_names(const char *id, const struct job_info *job);

/* Appends the record.  With ids, a record that stands for several array tasks becomes one record
 * for each task that they name (an empty list names all); with NULL it stays whole.  Results live
 * in the arena. */
void job_expand(const struct job_info *job, const struct strs *ids, struct arena *a,
                struct job_infos *into);

#endif
