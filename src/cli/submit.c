/* What a request carries of the place it was made (submit.h). */
#include "cli/submit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/say.h"
#include "net/daemon.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT_FILE_MAX (1u << 20)
#define PREFIX 7 /* strlen("RLIMIT_"): --propagate takes names with and without it */

static void add(struct opts *o, const char *entry)
{
    struct strs *env = &o->job.environment;

    if (env->n % 64 == 0) {
        const char **bigger = arena_calloc(o->arena, env->n + 64, sizeof *bigger);
        if (env->n)
            memcpy(bigger, env->v, env->n * sizeof *bigger);
        env->v = bigger;
    }
    env->v[env->n++] = entry;
}

/* Sets a variable, whatever stood there. */
static void put(struct opts *o, const char *entry)
{
    size_t len = strcspn(entry, "=") + 1;

    for (uint32_t i = 0; i < o->job.environment.n; i++)
        if (strncmp(o->job.environment.v[i], entry, len) == 0) {
            o->job.environment.v[i] = entry;
            return;
        }
    add(o, entry);
}

static void put_named(struct opts *o, char **from, const char *name)
{
    size_t len = strlen(name);

    for (char **v = from; *v; v++)
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
            put(o, *v);
}

/* One piece of --export: NAME or NAME=value, quotes kept off. */
static const char *next_piece(struct opts *o, const char **list)
{
    char *piece = arena_strdup(o->arena, *list), *out = piece, quote = 0;
    const char *p = *list;

    for (; *p && (quote || *p != ','); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? 0 : *p;
        else
            *out++ = *p;
    }
    *out = '\0';
    *list = *p ? p + 1 : p;
    return piece;
}

/* A file, or the number of an open descriptor: NAME=value, each ended by NUL. */
static int export_file(struct opts *o, struct err *e)
{
    const char *name = o->own.export_file;
    bool is_number = name[strspn(name, "0123456789")] == '\0';
    CLEANUP(closep) int fd = is_number ? dup(atoi(name)) : open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(e, ENOENT, "Could not open user environment file %.300s", name);
    char *text = arena_alloc(o->arena, EXPORT_FILE_MAX + 1);
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<EXPORT_FILE_MAX; len += n> 0 ? (size_t)n : 0)
        n = read(fd, text + len, EXPORT_FILE_MAX - len);
    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        if (strchr(text + at, '='))
            put(o, text + at);
    return 0;
}

/* NONE and NIL leave SLURM* and SPANK* alone; a list without ALL adds to them what it names. */
int submit_environment(struct opts *o, char **from, struct err *e)
{
    const char *export = o->job.export_env;
    bool all = !*export && !o->own.export_file;
    bool none = strcasecmp(export, "NONE") == 0 || strcasecmp(export, "NIL") == 0;

    for (const char *list = export; *list;)
        if (strcasecmp(next_piece(o, &list), "ALL") == 0)
            all = true;
    for (char **v = from; *v; v++)
        if (all || strncmp(*v, "SLURM", 5) == 0 || strncmp(*v, "SPANK", 5) == 0)
            add(o, *v);
    while (*export && !none) {
        const char *piece = next_piece(o, &export);
        if (strchr(piece, '='))
            put(o, piece);
        else if (strcasecmp(piece, "ALL") != 0)
            put_named(o, from, piece);
    }
    o->exit_code = 1;
    return o->own.export_file ? export_file(o, e) : 0;
}

void submit_origin(struct opts *o, int argc, char **argv)
{
    char cwd[4096] = "/", host[256] = "";
    struct buf line = { 0 };
    struct job_spec *job = &o->job;

    if (!getcwd(cwd, sizeof cwd))
        cwd[0] = '/', cwd[1] = '\0';
    if (!*job->work_dir)
        job->work_dir = arena_strdup(o->arena, cwd);
    else if (*job->work_dir != '/')
        job->work_dir = arena_printf(o->arena, "%s/%s", cwd, job->work_dir);
    gethostname(host, sizeof host - 1);
    job->submit_host = arena_strndup(o->arena, host, strcspn(host, "."));
    job->submit_sid = (uint32_t)getsid(0);
    if (!job->umask.set) {
        mode_t mask = umask(0);
        umask(mask);
        job->umask = (struct opt_u32){ true, mask };
    }
    for (int i = 0; i < argc; i++)
        buf_printf(&line, "%s%s", i ? " " : "", argv[i]);
    job->submit_line = arena_strdup(o->arena, buf_str(&line));
    buf_fini(&line);
    if (getrandom(&job->request_key, sizeof job->request_key, 0) < 0 || !job->request_key)
        job->request_key = 1;
}

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *w = list; *w; w += strcspn(w, ","), w += *w == ',')
        if (strcspn(w, ",") == len && strncasecmp(w, word, len) == 0)
            return true;
    return false;
}

void submit_rlimits(struct opts *o, const struct conf *c)
{
    static const struct {
        const char *name;
        int resource;
    } limits[] = {
        { "RLIMIT_CPU", RLIMIT_CPU },         { "RLIMIT_FSIZE", RLIMIT_FSIZE },
        { "RLIMIT_DATA", RLIMIT_DATA },       { "RLIMIT_STACK", RLIMIT_STACK },
        { "RLIMIT_CORE", RLIMIT_CORE },       { "RLIMIT_RSS", RLIMIT_RSS },
        { "RLIMIT_NPROC", RLIMIT_NPROC },     { "RLIMIT_NOFILE", RLIMIT_NOFILE },
        { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "RLIMIT_AS", RLIMIT_AS },
    };
    const size_t count = sizeof limits / sizeof limits[0];
    bool except = !*o->job.propagate && conf_is_set(c, "PropagateResourceLimitsExcept");
    const char *list = *o->job.propagate ? o->job.propagate
                       : except          ? conf_str(c, "PropagateResourceLimitsExcept")
                                         : conf_str(c, "PropagateResourceLimits");

    o->job.rlimits.v = arena_calloc(o->arena, count, sizeof *o->job.rlimits.v);
    for (size_t i = 0; i < count; i++) {
        struct rlimit now;
        bool named = has_word(list, limits[i].name) || has_word(list, limits[i].name + PREFIX) ||
                     has_word(list, "ALL");
        if (named == except || getrlimit((__rlimit_resource_t)limits[i].resource, &now) < 0)
            continue;
        o->job.rlimits.v[o->job.rlimits.n++] =
            (struct rlimit_row){ limits[i].name + PREFIX, now.rlim_cur, now.rlim_max };
    }
}

int submit_answer(const struct opts *o, enum opts_tool tool)
{
    if (o->own.version)
        puts(SLURM_COMPAT_VERSION);
    else if (o->own.help || o->own.usage)
        (o->own.help ? opts_help : opts_usage)(tool, stdout);
    else
        return -1;
    return 0;
}

int submit_refuse(const char *name, const struct opts *o, const struct err *e)
{
    if (*e->text)
        say_error(name, e->text);
    return o->exit_code == 1 ? say_exit_code() : o->exit_code;
}
