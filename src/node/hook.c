/* Prolog and Epilog.  Nothing that a user said runs or is run in their environment: ids are
 * numbers, the rest is the site's, and words of the user's come only under names of our own. */
#include "node/hook.h"

#include "base/arena.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define SAFE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define VALUE_MAX 4096u

/* ---- the job's words */

typedef void word_fn(const struct launch *l, struct buf *out);

#define TEXT_WORD(member)                                              \
    static void member##_word(const struct launch *l, struct buf *out) \
    {                                                                  \
        buf_puts(out, l->member);                                      \
    }
#define NUMBER_WORD(name, when, number)                              \
    static void name##_word(const struct launch *l, struct buf *out) \
    {                                                                \
        if (when)                                                    \
            buf_printf(out, "%u", (unsigned)(number));               \
    }

TEXT_WORD(user_name)
TEXT_WORD(job_name)
TEXT_WORD(partition)
TEXT_WORD(account)
TEXT_WORD(qos)
TEXT_WORD(nodes)
TEXT_WORD(work_dir)
TEXT_WORD(reservation)
NUMBER_WORD(gid, true, l->gid)
NUMBER_WORD(restart, l->restart > 0, l->restart)
NUMBER_WORD(array_job, l->array_task_id.set, l->array_job_id)
NUMBER_WORD(array_task, l->array_task_id.set, l->array_task_id.v)

static const struct {
    const char *name;
    word_fn *word;
} words[] = {
    { "SLURM_JOB_USER", user_name_word },          { "SLURM_JOB_GID", gid_word },
    { "SLURM_JOB_NAME", job_name_word },           { "SLURM_JOB_PARTITION", partition_word },
    { "SLURM_JOB_ACCOUNT", account_word },         { "SLURM_JOB_QOS", qos_word },
    { "SLURM_JOB_NODELIST", nodes_word },          { "SLURM_JOB_WORK_DIR", work_dir_word },
    { "SLURM_JOB_RESERVATION", reservation_word }, { "SLURM_RESTART_COUNT", restart_word },
    { "SLURM_ARRAY_JOB_ID", array_job_word },      { "SLURM_ARRAY_TASK_ID", array_task_word },
};
#define WORDS (sizeof words / sizeof words[0])

void hook_words(const struct launch *l, struct buf *ret)
{
    struct buf value = { 0 };

    buf_reset(ret);
    for (size_t i = 0; i < WORDS; i++) {
        buf_reset(&value);
        words[i].word(l, &value);
        if (!value.len || value.len > VALUE_MAX)
            continue;
        buf_printf(ret, "%s=%s", words[i].name, buf_str(&value));
        buf_putc(ret, '\0');
    }
    buf_fini(&value);
}

static bool is_known(const char *word, const char *equals)
{
    for (size_t i = 0; i < WORDS; i++)
        if (strlen(words[i].name) == (size_t)(equals - word) &&
            strncmp(words[i].name, word, (size_t)(equals - word)) == 0)
            return true;
    return false;
}

/* They came through the half that has no rights: our names only, no control characters. */
static bool is_harmless(const char *word)
{
    const char *equals = strchr(word, '=');

    if (!equals || !is_known(word, equals) || strlen(equals) > VALUE_MAX + 1)
        return false;
    for (const char *p = equals + 1; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return true;
}

/* ---- running */

#define OWN_ROWS 9

static char **environment(const struct hook *h, struct arena *a)
{
    char **rows = arena_calloc(a, OWN_ROWS + WORDS + 1, sizeof *rows);
    size_t n = 0;

    rows[n++] = arena_strdup(a, SAFE_PATH);
    rows[n++] = arena_printf(a, "SLURMD_NODENAME=%s", h->node);
    rows[n++] = arena_printf(a, "SLURM_CLUSTER_NAME=%s", h->cluster);
    rows[n++] = arena_printf(a, "SLURM_CONF=%s", h->conf_path);
    rows[n++] = arena_printf(a, "SLURM_SCRIPT_CONTEXT=%s", h->context);
    if (!h->job_id)
        return rows;
    rows[n++] = arena_printf(a, "SLURM_JOB_ID=%u", h->job_id);
    rows[n++] = arena_printf(a, "SLURM_JOBID=%u", h->job_id);
    rows[n++] = arena_printf(a, "SLURM_JOB_UID=%u", h->uid);
    rows[n++] = arena_printf(a, "SLURM_UID=%u", h->uid);
    if (!h->words || !h->words->len)
        return rows;
    char *all = arena_memdup(a, h->words->data, h->words->len);
    all[h->words->len - 1] = '\0';
    for (char *p = all; p < all + h->words->len && n < OWN_ROWS + WORDS; p += strlen(p) + 1)
        if (is_harmless(p))
            rows[n++] = p;
    return rows;
}

int hook_start(const struct hook *h, pid_t *ret, struct err *e)
{
    struct arena a = { 0 };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    char *argv[] = { (char *)h->path, NULL };

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    int err = posix_spawn(ret, h->path, &files, &how, argv, environment(h, &a));
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    arena_fini(&a);
    return err == 0 ? 0 : err_set(e, err, "%s: %s", h->path, strerror(err));
}

/* ---- several programs of one key */

void hook_run_init(struct hook_run *r, const char *pattern)
{
    memset(r, 0, sizeof *r);
    if (glob(pattern, GLOB_NOCHECK, NULL, &r->found) == 0)
        r->left = r->found.gl_pathc;
}

const char *hook_run_next(struct hook_run *r)
{
    return r->left ? r->found.gl_pathv[--r->left] : NULL;
}

void hook_run_fini(struct hook_run *r)
{
    globfree(&r->found);
    memset(r, 0, sizeof *r);
}
