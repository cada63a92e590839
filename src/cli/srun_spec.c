/* Options to step (srun_spec.h).  Numbers that do not fit with each other are put right or refused
 * here, with Slurm's words; whether the job has it is the controller's business. */
#include "cli/srun_spec.h"

#include "base/buf.h"
#include "base/hostlist.h"
#include "cli/say.h"
#include "cli/submit.h"
#include "schema/rpc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME "srun"
#define FILE_MAX (1u << 20) /* of --multi-prog */

extern char **environ;

/* ---- streams */

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Whether tasks or nodes would each have a file of their own. */
static bool is_per_task(const char *pattern)
{
    for (const char *p = pattern; (p = strchr(p, '%')); p++) {
        const char *letter = p + 1 + strspn(p + 1, "0123456789");
        if (*letter && strchr("tnN", *letter))
            return true;
        p = *letter ? letter : p;
    }
    return false;
}

static struct stream_choice choose(const char *asked)
{
    struct stream_choice c = { .on_nodes = "", .only = UINT32_MAX };

    if (!asked || !*asked || strcasecmp(asked, "all") == 0)
        return c;
    if (strcasecmp(asked, "none") == 0) {
        c.on_nodes = "/dev/null";
        c.is_none = true;
    } else if (is_number(asked)) {
        c.only = (uint32_t)strtoul(asked, NULL, 10);
    } else if (is_per_task(asked)) {
        c.on_nodes = asked;
    } else {
        c.here = asked;
    }
    return c;
}

char *srun_path(struct arena *a, const char *pattern, const struct alloc_info *info,
                const struct step_created *step)
{
    const struct launch *job = info->job;
    struct buf out = { 0 };

    if (strncmp(pattern, "\\\\", 2) == 0)
        return arena_strdup(a, pattern + 2);
    for (const char *p = pattern; *p; p++) {
        int width = *p == '%' ? atoi(p + 1) : 0;
        const char *letter = *p == '%' ? p + 1 + strspn(p + 1, "0123456789") : p;
        switch (*p == '%' ? *letter : 0) {
        case 'j':
        case 'A':
            buf_printf(&out, "%0*u", width,
                       *letter == 'A' && job->array_task_id.set ? job->array_job_id : step->job_id);
            break;
        case 'J':
            buf_printf(&out, "%u.%u", step->job_id, step->step_id);
            break;
        case 's':
            buf_printf(&out, "%0*u", width, step->step_id);
            break;
        case 'a':
            buf_printf(&out, "%0*u", width, job->array_task_id.v);
            break;
        case 'u':
            buf_puts(&out, job->user_name);
            break;
        case 'x':
            buf_puts(&out, job->job_name);
            break;
        case '%':
            buf_put(&out, "%", 1);
            break;
        default:
            buf_put(&out, p, 1);
            continue;
        }
        p = letter;
    }
    char *ret = arena_strdup(a, buf_str(&out));
    buf_fini(&out);
    return ret;
}

/* ---- numbers */

static int count_names(struct arena *a, const char *list)
{
    struct hostlist names;

    return hostlist_expand(a, list, &names, NULL) < 0 ? 0 : (int)names.n;
}

static bool is_from_command(const struct opts *o, const char *option)
{
    return opts_source_of(o, option) == OPTS_COMMAND;
}

/* The tasks' names are those of the nodes: a host file, one line a task. */
static int read_hostfile(struct opts *o, struct step_spec *s, struct err *e)
{
    const char *path = getenv("SLURM_HOSTFILE");
    struct buf text = { 0 };
    char line[256];

    if (strncasecmp(o->job.distribution, "arbitrary", 9) != 0 || *o->job.req_nodes || !path)
        return 0;
    FILE *in = fopen(path, "re");
    if (!in)
        return err_errno(e, "SLURM_HOSTFILE: open %s", path);
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "#\r\n")] = '\0';
        const char *word = line + strspn(line, " \t");
        size_t len = strcspn(word, " \t*");
        if (len)
            buf_printf(&text, "%s%.*s", text.len ? "," : "", (int)len, word);
    }
    fclose(in);
    s->req_nodes = arena_strdup(o->arena, buf_str(&text));
    buf_fini(&text);
    return 0;
}

static void warn_nodes(const struct opts *o, uint32_t tasks, uint32_t nodes)
{
    if (!o->own.quiet)
        fprintf(stderr, "%s: Warning: can't run %u processes on %u nodes, setting nnodes to %u\n",
                NAME, tasks, nodes, tasks);
}

/* Nodes as asked, as the list has them, or as the allocation's variables say. */
static int set_nodes(struct opts *o, const struct alloc_info *info, struct step_spec *s,
                     struct err *e)
{
    uint32_t have = info->job->num_nodes;
    uint32_t listed = *s->req_nodes ? (uint32_t)count_names(o->arena, s->req_nodes) : 0;
    bool is_arbitrary = strncasecmp(o->job.distribution, "arbitrary", 9) == 0;

    if (is_arbitrary && listed && !is_from_command(o, "ntasks"))
        s->ntasks = (struct opt_u32){ true, listed };
    if (is_arbitrary || (listed && !is_from_command(o, "nodes")))
        s->min_nodes = s->max_nodes = (struct opt_u32){ !is_arbitrary, listed };
    if (s->min_nodes.set && !s->max_nodes.set)
        s->max_nodes = s->min_nodes;
    if (s->min_nodes.set && s->min_nodes.v > have)
        return err_set(e, EINVAL, "Only allocated %u nodes asked for %u", have, s->min_nodes.v);
    if (s->min_nodes.set && s->ntasks.set && s->ntasks.v < s->min_nodes.v) {
        warn_nodes(o, s->ntasks.v, s->min_nodes.v);
        s->min_nodes.v = s->max_nodes.v = s->ntasks.v;
    }
    if (s->relative.set && s->relative.v + (s->min_nodes.set ? s->min_nodes.v : 1) > have)
        return err_set(e, EINVAL,
                       "--relative and SLURM_JOB_NUM_NODES option incompatible with count of "
                       "allocated nodes (%u+%u>%u)",
                       s->relative.v, s->min_nodes.v, have);
    return 0;
}

/* A step of srun's own allocation gets all of it. */
static void take_all(const struct alloc_info *info, struct step_spec *s)
{
    uint32_t n = info->job->num_nodes;

    s->min_nodes = s->max_nodes = (struct opt_u32){ true, n };
    if (s->ntasks.set && s->ntasks.v < n)
        s->min_nodes.v = s->max_nodes.v = s->ntasks.v;
    if (!s->ntasks.set && info->job->ntasks_given)
        s->ntasks = (struct opt_u32){ true, info->job->ntasks };
    s->mem_per_node_mb = (struct opt_u64){ 0 };
    s->mem_per_cpu_mb = (struct opt_u64){ 0 };
    s->req_nodes = s->exc_nodes = "";
}

/* ---- --multi-prog */

static int read_programs(struct opts *o, const char *path, struct step_spec *s, struct err *e)
{
    char *text = arena_alloc(o->arena, FILE_MAX + 1);
    FILE *in = fopen(path, "re");

    if (!in)
        return err_set(e, errno, "Unable to open configuration file %s", path);
    size_t len = fread(text, 1, FILE_MAX, in);
    fclose(in);
    text[len] = '\0';
    s->multi_prog = text;
    return 0;
}

/* Ranks of a line: 0,2-4,* */
static int check_ranks(const char *list, uint32_t ntasks, struct err *e)
{
    for (const char *p = list; *p && !isspace((unsigned char)*p);) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*p == '*')
            return 0;
        if (end == p)
            return err_set(e, EINVAL, "Invalid task specification");
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last >= ntasks)
            return err_set(e, EINVAL, "Invalid task id, %lu >= ntasks", last);
        p = *end == ',' ? end + 1 : end;
        if (*end && *end != ',' && !isspace((unsigned char)*end))
            return err_set(e, EINVAL, "Invalid task specification");
    }
    return 0;
}

static int check_programs(const char *path, const struct step_spec *s, struct err *e)
{
    unsigned line = 1;

    for (const char *p = s->multi_prog; s->ntasks.set && *p; line++) {
        const char *word = p + strspn(p, " \t");
        if (*word && *word != '\n' && *word != '#' && check_ranks(word, s->ntasks.v, e) < 0) {
            say_error(NAME, e->text);
            return err_set(e, EINVAL, "Line %u of configuration file %s invalid", line, path);
        }
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return 0;
}

/* ---- the whole */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The job's own, which does not mean --exact as -c does. */
static void inherit_cpus(struct step_spec *s)
{
    const char *cpus = getenv("SLURM_CPUS_PER_TASK");

    if (!s->cpus_per_task.set && cpus && is_number(cpus))
        s->cpus_per_task = (struct opt_u32){ true, (uint32_t)strtoul(cpus, NULL, 10) };
}

/* -E: the variables win over the command line. */
static void from_environment(struct opt_u32 *ret, const char *name)
{
    const char *value = getenv(name);

    if (value && is_number(value))
        *ret = (struct opt_u32){ true, (uint32_t)strtoul(value, NULL, 10) };
}

static void copy_job(const struct opts *o, struct step_spec *s)
{
    const struct job_spec *j = &o->job;

    s->min_nodes = j->min_nodes;
    s->max_nodes = j->max_nodes;
    s->ntasks = j->ntasks;
    s->cpus_per_task = j->cpus_per_task;
    s->ntasks_per_node = j->ntasks_per_node;
    s->ntasks_per_core = j->ntasks_per_core;
    s->ntasks_per_socket = j->ntasks_per_socket;
    s->mem_per_node_mb = j->mem_per_node_mb;
    s->mem_per_cpu_mb = j->mem_per_cpu_mb;
    s->mem_per_gpu_mb = j->mem_per_gpu_mb;
    s->cpus_per_gpu = j->cpus_per_gpu;
    s->tres_per_step = j->tres_per_job;
    s->tres_per_node = j->tres_per_node;
    s->tres_per_task = j->tres_per_task;
    s->req_nodes = j->req_nodes;
    s->exc_nodes = j->exc_nodes;
    s->overcommit = j->overcommit;
    s->distribution = j->distribution;
    s->cpu_bind = j->cpu_bind;
    s->mem_bind = j->mem_bind;
    s->hint = j->hint;
    s->tres_bind = j->tres_bind;
    s->threads_per_core = j->threads_per_core;
    s->time_limit_min = j->time_limit_min;
    s->network = j->network;
    s->acctg_freq = j->acctg_freq;
    s->umask = j->umask;
    s->rlimits.v = j->rlimits.v;
    s->rlimits.n = j->rlimits.n;
    s->work_dir = j->work_dir;
    s->submit_line = j->submit_line;
    s->request_key = j->request_key;
    s->append = *j->open_mode == 'a';
    s->no_kill = j->no_kill.set && j->no_kill.v;
}

static void copy_own(struct opts *o, const struct conf *conf, struct step_spec *s)
{
    const struct opts_own *own = &o->own;

    s->overlap = own->overlap;
    s->exact = own->exact || s->cpus_per_task.set || *o->job.exclusive;
    s->relative = own->relative;
    s->pty = own->pty;
    s->unbuffered = own->unbuffered || own->pty;
    s->mpi = own->mpi ? own->mpi : conf_str(conf, "MpiDefault");
    s->task_prolog = own->task_prolog ? own->task_prolog : "";
    s->task_epilog = own->task_epilog ? own->task_epilog : "";
    s->kill_on_bad_exit = own->kill_on_bad_exit.set ? own->kill_on_bad_exit.v != 0
                                                    : conf_u32(conf, "KillOnBadExit") != 0;
    inherit_cpus(s);
    if (own->preserve_env) {
        from_environment(&s->ntasks, "SLURM_NTASKS");
        from_environment(&s->min_nodes, "SLURM_NNODES");
    }
    if (own->interactive) {
        s->step_kind = STEP_INTERACTIVE;
        s->overlap = true;
        s->ntasks = s->min_nodes = s->max_nodes = (struct opt_u32){ true, 1 };
    }
}

static void set_streams(struct opts *o, struct srun_spec *ret)
{
    struct step_spec *s = &ret->step;

    ret->in = choose(o->job.std_in);
    ret->out = choose(o->job.std_out);
    ret->err = *o->job.std_err ? choose(o->job.std_err) : ret->out;
    s->std_in = ret->in.is_none ? "none" : ret->in.on_nodes;
    s->stdin_task = ret->in.only;
    s->std_out = ret->out.on_nodes;
    s->std_err = *o->job.std_err ? ret->err.on_nodes : ret->out.on_nodes;
    if (s->pty)
        s->stdin_task = ret->in.only = 0;
}

static void fill_texts(struct step_spec *s)
{
    const struct field *fields = desc_step_spec.fields();

    for (unsigned i = 0; i < desc_step_spec.count; i++) {
        const char **text = (const char **)((char *)s + fields[i].offset);
        if (fields[i].kind == KIND_STR && !*text)
            *text = "";
    }
}

int srun_spec_make(struct opts *o, const struct srun_place *place, char **command,
                   struct srun_spec *ret, struct err *e)
{
    struct step_spec *s = &ret->step;
    int r;

    *ret = (struct srun_spec){ .step.job_id = place->info->job_id };
    copy_job(o, s);
    copy_own(o, place->conf, s);
    fill_texts(s);
    r = read_hostfile(o, s, e);
    if (place->is_own)
        take_all(place->info, s);
    else if (r == 0)
        r = set_nodes(o, place->info, s, e);
    if (r == 0 && o->own.multi_prog)
        r = read_programs(o, command[0], s, e);
    if (r == 0 && o->own.multi_prog)
        r = check_programs(command[0], s, e);
    s->argv.v = (const char **)command;
    while (command[s->argv.n])
        s->argv.n++;
    s->name = is_from_command(o, "job-name") ? o->job.name : base_name(command[0]);
    set_streams(o, ret);
    if (r == 0)
        r = submit_environment(o, environ, e);
    s->environment = o->job.environment;
    return r;
}
