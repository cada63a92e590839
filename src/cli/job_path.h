/* Where a job's output goes, as scontrol show job tells it. */
#ifndef CLI_JOB_PATH_H
#define CLI_JOB_PATH_H

#include "base/buf.h"
#include "schema/messages.h"

enum job_stream { JOB_STDIN, JOB_STDOUT, JOB_STDERR };

/* The controller's answer, or what follows from the request: absolute, patterns replaced. */
void job_path_put(const struct job_info *job, enum job_stream stream, struct buf *out);

#endif
