/* What squeue, sinfo and scontrol have in common on their way out: errors, documents, the clock. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/text.h"

void output_flush(struct buf *out); /* to stdout, then empty */

/* "slurm_load_jobs error: TEXT"; lines after the first are hints and stand alone; SLURM_HINTS=0
 * leaves them out. */
void output_load_error(const char *what, const struct err *e);

/* "squeue: error: Invalid job format specification: x" for each. */
void output_bad_format(const char *command, const struct text_table *t,
                       const struct text_format *f);

/* One cluster answers to its own name and to "all"; others would need federation, which there is
 * not. */
int output_clusters_check(const char *command, const struct strs *asked, const char *own);

void output_date(int64_t now, struct buf *out); /* "Mon Nov 23 06:25:41 2026" */

/* The document of --json: {"NAME":[ITEMS],"meta":{..},"errors":[],"warnings":[]}.  Items are
 * appended between the two calls, each announced with output_json_item. */
void output_json_open(const char *name, struct buf *out);
void output_json_item(bool first, struct buf *out);
void output_json_close(const char *command, const char *cluster, struct buf *out);

/* SLURM_TIME_FORMAT, and the answering daemon's clock. */
struct text_env output_env(int64_t now, const char *cluster, bool noconvert);

#endif
