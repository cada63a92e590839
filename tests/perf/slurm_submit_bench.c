/* The same submits to Debian's Slurm, through its public C API: slurm_submit_bench [-c CLIENTS] [-n JOBS] [-r] [-u] [-d DIRECTORY]
 * SLURM_CONF says where.  The library makes a connection and a MUNGE credential for each request and cannot keep one.
 * Built only by the benchmark run, only where libslurm-dev is installed, and never installed or shipped: nothing of
 * ours links with libslurm. */
#include "clients.h"

#include "base/xalloc.h"

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool run, unique;
    char *directory;
};

struct submitter {
    job_desc_msg_t job;
    bool is_unique;
    char script[64];
};

static int open_submitter(void *arg, void **ret)
{
    const struct options *o = arg;
    char **argv = xcalloc(2, sizeof *argv);
    struct submitter *s = xcalloc(1, sizeof *s);
    job_desc_msg_t *job = &s->job;

    s->is_unique = o->unique;
    slurm_init_job_desc_msg(job);
    argv[0] = xstrdup("noop.sh");
    job->name = xstrdup("noop.sh");
    job->script = xstrdup(PERF_SCRIPT);
    job->work_dir = o->directory;
    job->environment = perf_environment();
    job->env_size = PERF_VARIABLES;
    job->argv = argv;
    job->argc = 1;
    job->std_in = job->std_out = job->std_err = xstrdup("/dev/null");
    job->user_id = getuid();
    job->group_id = getgid();
    job->num_tasks = 1;
    job->min_nodes = 1;
    job->time_limit = 10;
    if (!o->run)
        job->priority = 0;
    *ret = s;
    return 0;
}

static int submit_once(void *ctx, unsigned number)
{
    struct submitter *s = ctx;
    submit_response_msg_t *reply = NULL;

    if (s->is_unique) {
        perf_unique_script(number, s->script, sizeof s->script);
        s->job.script = s->script;
    }
    if (slurm_submit_batch_job(&s->job, &reply) != 0) {
        slurm_perror("slurm_submit_bench");
        return -1;
    }
    slurm_free_submit_response_response_msg(reply);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {.directory = xstrdup("/tmp")};
    struct workload w = {.clients = 1, .arg = &o, .open = open_submitter, .once = submit_once};
    unsigned total = 1000;
    int c;

    while ((c = getopt(argc, argv, "c:n:d:ru")) != -1) {
        if (c == 'd')
            o.directory = optarg;
        else if (c == 'r')
            o.run = true;
        else if (c == 'u')
            o.unique = true;
        else if (!perf_number(optarg, c == 'c' ? &w.clients : &total))
            return 2;
    }
    slurm_init(NULL);
    w.each = total / w.clients;
    return clients_run(&w);
}
