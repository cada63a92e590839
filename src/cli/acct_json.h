/* A job of the archive as `sacct --json` shows it: the shape of Slurm's data_parser, not of our own
 * messages, because programs look values up by path (.jobs[].time.elapsed). */
#ifndef CLI_ACCT_JSON_H
#define CLI_ACCT_JSON_H

#include "base/buf.h"
#include "schema/messages.h"

void acct_json_job(const struct acct_record *record, int64_t now, struct buf *out);

#endif
