/* File name patterns, as far as they can be told from outside the node. */
#include "cli/job_path.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_INDEX 4294967294u /* what Slurm prints for %a while a task has no index */

static void number_put(uint32_t number, int width, struct buf *out)
{
    buf_printf(out, "%0*" PRIu32, width, number);
}

/* One pattern letter; false when it is none. */
static bool letter_put(const struct job_info *job, char letter, int width, struct buf *out)
{
    switch (letter) {
    case '%':
        buf_putc(out, '%');
        return true;
    case 'A':
        number_put(job->array_job_id ? job->array_job_id : job->job_id, width, out);
        return true;
    case 'a':
        number_put(job->array_task_id.set ? job->array_task_id.v : NO_INDEX, width, out);
        return true;
    case 'J':
    case 'j':
        number_put(job->job_id, width, out);
        return true;
    case 'N':
        buf_put(out, job->batch_host, strcspn(job->batch_host, "."));
        return true;
    case 'n':
    case 't':
        number_put(0, width, out);
        return true;
    case 'u':
        buf_puts(out, job->user_name);
        return true;
    case 'x':
        buf_puts(out, job->name);
        return true;
    default:
        return false;
    }
}

/* A leading \\ means that percent signs are just that. */
static void pattern_put(const struct job_info *job, const char *s, struct buf *out)
{
    bool plain = strncmp(s, "\\\\", 2) == 0;

    for (s += plain ? 2 : 0; *s; s++) {
        char *end = (char *)s;
        int width = *s == '%' && !plain ? (int)strtol(s + 1, &end, 10) : 0;

        if (end == s)
            end = (char *)s + 1;
        if (*s == '%' && !plain && letter_put(job, *end, width < 10 ? width : 10, out))
            s = end;
        else
            buf_putc(out, *s);
    }
}

static const char *asked(const struct job_info *job, enum job_stream stream)
{
    const struct job_spec *spec = job->spec;
    const char *standard = job->array_job_id ? "slurm-%A_%a.out" : "slurm-%j.out";

    if (stream == JOB_STDIN)
        return *spec->std_in ? spec->std_in : "/dev/null";
    if (stream == JOB_STDERR && *spec->std_err)
        return spec->std_err;
    return *spec->std_out ? spec->std_out : standard;
}

void job_path_put(const struct job_info *job, enum job_stream stream, struct buf *out)
{
    const char *told = stream == JOB_STDIN    ? job->std_in
                       : stream == JOB_STDOUT ? job->std_out
                                              : job->std_err;

    if (*told || !job->spec || !job->batch) {
        buf_puts(out, told);
        return;
    }

    const char *text = asked(job, stream);

    if (*text != '/')
        buf_printf(out, "%s/", job->spec->work_dir);
    pattern_put(job, text, out);
}
