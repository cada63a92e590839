/* sbcast: a file of this node to all nodes of the job. */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/bcast.h"
#include "cli/say.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAME "sbcast"

struct options {
    const char *compress, *exclude, *fanout, *job, *libs, *size, *timeout;
    bool force, preserve;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg rows[] = {
    { "compress", 'C', ARG_OPTIONAL, O(compress), "SBCAST_COMPRESS", "lib",
      "accepted, not needed" },
    { "exclude", 0, ARG_TEXT, O(exclude), "SBCAST_EXCLUDE", "paths", "accepted, not needed" },
    { "force", 'f', ARG_FLAG, O(force), "SBCAST_FORCE", NULL, "replace destination file" },
    { "fanout", 'F', ARG_TEXT, O(fanout), "SBCAST_FANOUT", "num", "accepted, not needed" },
    { "jobid", 'j', ARG_TEXT, O(job), NULL, "id", "the job; else the one that this runs in" },
    { "preserve", 'p', ARG_FLAG, O(preserve), "SBCAST_PRESERVE", NULL, "keep the whole mode" },
    { "send-libs", 0, ARG_OPTIONAL, O(libs), "SBCAST_SEND_LIBS", "yes|no", "accepted, not needed" },
    { "size", 's', ARG_TEXT, O(size), "SBCAST_SIZE", "num", "accepted, not needed" },
    { "timeout", 't', ARG_TEXT, O(timeout), "SBCAST_TIMEOUT", "secs", "accepted, not needed" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
};

static const struct args spec = { NAME, "SOURCE DEST", "copies a file to all nodes of a job", rows,
                                  sizeof rows / sizeof rows[0] };

struct sbcast {
    struct options o;
    struct arena arena;
    struct connection conn;
    struct loop *loop;
};

static void sbcast_fini(struct sbcast *s)
{
    connection_close(&s->conn);
    if (s->loop)
        loop_free(s->loop);
    arena_fini(&s->arena);
}

int main(int argc, char **argv)
{
    CLEANUP(sbcast_fini) struct sbcast s = { 0 };
    struct err e = { 0 };

    log_init(NAME, LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    int at = args_parse(&spec, argc, argv, &s.arena, &s.o);
    if (at < 0)
        return at == ARGS_DONE ? 0 : 1;
    if (argc - at != 2) {
        fprintf(stderr, "Need two file names, have %d names\n", argc - at);
        args_usage(&spec, stderr);
        return 1;
    }
    const char *job = s.o.job ? s.o.job : getenv("SLURM_JOB_ID");
    if (!job) {
        say_error(NAME, "Need a job id to run this command.  Run from within a Slurm job or use "
                        "the --jobid option.");
        return 1;
    }
    if (connection_open(&s.conn, &e) < 0 || loop_new(&s.loop, &e) < 0) {
        say_error(NAME, e.text);
        return 1;
    }
    return bcast_send(&(struct bcast){ .conn = &s.conn,
                                       .loop = s.loop,
                                       .arena = &s.arena,
                                       .tool = NAME,
                                       .job_id = (uint32_t)strtoul(job, NULL, 10),
                                       .from = argv[at],
                                       .to = argv[at + 1],
                                       .force = s.o.force,
                                       .preserve = s.o.preserve });
}
