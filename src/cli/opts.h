/* The options of sbatch, salloc and srun: one table (schema/submit_opts.def), four sources.
 * default < #SBATCH < environment < command line: each source is a pass over the same table. */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum opts_tool { BATCH = 1, ALLOC = 2, RUN = 4 };
enum opts_source { OPTS_UNSET, OPTS_DIRECTIVE, OPTS_ENVIRONMENT, OPTS_COMMAND };

/* Options that the command itself acts on; nothing of this travels. */
struct opts_own {
    bool help, usage, version, quiet;
    uint32_t verbose; /* how often -v was given */
    /* sbatch */
    bool wait, parsable, ignore_pbs;
    const char *wrap, *export_file;
    /* salloc */
    bool bell, no_bell, no_shell;
    const char *kill_command;
    /* srun */
    bool label, unbuffered, pty, multi_prog, overlap, exact, disable_status, quit_on_interrupt;
    bool no_allocate, interactive, preserve_env, wait_for_children;
    const char *jobid, *mpi, *bcast, *bcast_exclude, *compress, *het_group, *send_libs;
    const char *prolog, *epilog, *task_prolog, *task_epilog, *slurmd_debug;
    struct opt_u32 relative, wait_s, threads, msg_timeout, kill_on_bad_exit;
};

struct opts {
    struct job_spec job;
    struct opts_own own;
    struct arena *arena; /* strings that no caller owns */
    enum opts_tool tool;
    const char *name;        /* "sbatch" */
    int64_t now;             /* for --begin */
    uint8_t *from;           /* for each option: the source that set it */
    enum opts_source source; /* of the pass that runs now */
    int exit_code;           /* after a failure: what Slurm's command exits with */
};

void opts_init(struct opts *o, enum opts_tool tool, int64_t now, struct arena *a);

/* One pass over the command line or a directive's words; *ret_rest is the index of the first word
 * that is no option.  getopt's own complaints are printed as they come; then e->text is empty. */
int opts_words(struct opts *o, enum opts_source source, int argc, char **argv, int *ret_rest,
               struct err *e);
int opts_environment(struct opts *o, struct err *e);
/* After the last pass: what contradicts each other. */
int opts_finish(struct opts *o, struct err *e);

/* Adds a line for the human to an error that has words already. */
void opts_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool opts_is_set(const struct opts *o, const char *long_name);
enum opts_source opts_source_of(const struct opts *o, const char *long_name);
/* Calls say for each option in use that is stored but not acted on yet. */
void opts_warn_later(const struct opts *o, void (*say)(const char *tool, const char *text));

void opts_help(enum opts_tool tool, FILE *out);
void opts_usage(enum opts_tool tool, FILE *out);

/* ---- for opts_parse.c */
struct opt {
    const char *name;
    char letter;
    const char *env;
    unsigned tools;
    size_t offset; /* in struct opts */
    int (*parse)(struct opts *o, const struct opt *opt, const char *arg, struct err *e);
    const char *arg, *help, *group;
    bool later;
};

#define OPTS_PARSERS(X)                                                                            \
    X(text)                                                                                        \
    X(optional) X(file) X(flag) X(more) X(yes) X(no) X(yes_no) X(zero_one) X(zero_one_opt)         \
        X(no_kill) X(count) X(count0) X(octal) X(minutes) X(begin) X(mem) X(nodes) X(nice)         \
            X(priority) X(immediate) X(ports) X(signal) X(mail_type) X(exclusive) X(open_mode)     \
                X(uid) X(gid) X(gres) X(gres_flags) X(gpus) X(gpu_bind) X(switches)                \
                    X(extra_node_info) X(hint) X(distribution) X(mem_bind) X(profile) X(propagate) \
                        X(get_user_env) X(nodefile) X(x11)
#define X(name) \
    int opts_parse_##name(struct opts *, const struct opt *, const char *, struct err *);
OPTS_PARSERS(X)
#undef X

#endif
