/* Processes.  A signal goes through a pidfd whose process was looked at again after the pidfd was
 * opened: between two looks at the same start time the pid cannot have changed hands. */
#include "node/procs.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIBED_MAX 8        /* of a tree in words */
#define ENVIRON_MAX (1u << 20) /* of another process; ours stands in front of the user's */

struct table {
    struct proc_stat *v;
    size_t n, cap;
};

static void table_fini(struct table *t)
{
    free(t->v);
}

/* Reads a small file of /proc; returns its length, with a NUL behind. */
static ssize_t slurp(pid_t pid, const char *name, char *ret, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    if (n >= 0)
        ret[n] = '\0';
    return n;
}

int proc_stat(pid_t pid, struct proc_stat *ret)
{
    char text[1024];
    int parent;
    unsigned long long start;
    char state;

    if (slurp(pid, "stat", text, sizeof text) <= 0)
        return -ESRCH;
    /* The name in parentheses may hold anything, parentheses too. */
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest,
               ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &parent, &start) != 3)
        return -ESRCH;
    *ret = (struct proc_stat){ .id = { pid, start }, .parent = parent, .state = state };
    return 0;
}

int proc_open(const struct proc *p)
{
    struct proc_stat now;

    CLEANUP(closep) int fd = pidfd_open(p->pid, 0);
    if (fd < 0 || proc_stat(p->pid, &now) < 0 || now.id.start != p->start)
        return -ESRCH;
    return TAKE_FD(fd);
}

static bool signal_one(const struct proc *p, int signo)
{
    CLEANUP(closep) int fd = proc_open(p);

    return fd >= 0 && pidfd_send_signal(fd, signo, NULL, 0) == 0;
}

/* ---- the tree */

static void table_add(struct table *t, const struct proc_stat *s)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 256;
        t->v = xrealloc(t->v, t->cap, sizeof *t->v);
    }
    t->v[t->n++] = *s;
}

static void table_read(struct table *ret)
{
    struct proc_stat s;

    CLEANUP(closedirp) DIR *dir = opendir("/proc");
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (isdigit((unsigned char)d->d_name[0]) && proc_stat(atoi(d->d_name), &s) == 0)
            table_add(ret, &s);
}

/* Moves the descendants of root to the front of the table, parents before children; returns their
 * count. */
static size_t table_descend(struct table *t, pid_t root)
{
    size_t found = 0;

    for (size_t next = 0; next <= found; next++) {
        pid_t parent = next == 0 ? root : t->v[next - 1].id.pid;
        for (size_t i = found; i < t->n; i++) {
            if (t->v[i].parent != parent)
                continue;
            struct proc_stat s = t->v[i];
            t->v[i] = t->v[found];
            t->v[found++] = s;
        }
    }
    return found;
}

static bool is_in(const pid_t *list, pid_t pid)
{
    while (list && *list && *list != pid)
        list++;
    return list && *list;
}

int procs_signal_tree(pid_t root, const pid_t *spare, int signo)
{
    CLEANUP(table_fini) struct table t = { 0 };
    int hit = 0;

    table_read(&t);
    size_t n = table_descend(&t, root);
    for (size_t i = 0; i < n; i++)
        if (!is_in(spare, t.v[i].id.pid) && t.v[i].state != 'Z')
            hit += signal_one(&t.v[i].id, signo);
    return hit;
}

bool procs_has_child_but(pid_t spare)
{
    CLEANUP(table_fini) struct table t = { 0 };
    char text[256];

    /* The kernel's own list, where it is compiled in. */
    snprintf(text, sizeof text, "task/%d/children", (int)getpid());
    if (slurp(getpid(), text, text, sizeof text) < 0) {
        table_read(&t);
        for (size_t i = 0; i < t.n; i++)
            if (t.v[i].parent == getpid() && t.v[i].id.pid != spare)
                return true;
        return false;
    }
    char *next = text;
    for (long pid; (pid = strtol(next, &next, 10)) > 0;)
        if (pid != spare)
            return true;
    return false;
}

int procs_kill_strays(const struct map *ours)
{
    CLEANUP(table_fini) struct table t = { 0 };
    int alive = 0;

    table_read(&t);
    for (size_t i = 0; i < t.n; i++) {
        const struct proc_stat *s = &t.v[i];
        if (s->parent != getpid() || map_get(ours, (uint64_t)s->id.pid))
            continue;
        alive += s->state != 'Z';
        signal_one(&s->id, SIGKILL);
        waitpid(s->id.pid, NULL, WNOHANG);
    }
    return alive;
}

void procs_each(pid_t root, procs_fn *each, void *ctx)
{
    CLEANUP(table_fini) struct table t = { 0 };

    table_read(&t);
    size_t n = table_descend(&t, root);
    for (size_t i = 0; i < n; i++)
        if (t.v[i].state != 'Z')
            each(ctx, t.v[i].id.pid);
}

void procs_describe_tree(pid_t root, struct buf *out)
{
    CLEANUP(table_fini) struct table t = { 0 };
    char where[128];

    table_read(&t);
    size_t n = table_descend(&t, root);
    for (size_t i = 0; i < n && i < DESCRIBED_MAX; i++) {
        if (slurp(t.v[i].id.pid, "wchan", where, sizeof where) <= 0)
            snprintf(where, sizeof where, "?");
        buf_printf(out, "%spid %d (%c, %s)", out->len ? ", " : "", (int)t.v[i].id.pid, t.v[i].state,
                   where);
    }
    if (n > DESCRIBED_MAX)
        buf_printf(out, " and %zu more", n - DESCRIBED_MAX);
}

/* ---- by environment */

static bool holds(const char *all, size_t len, const char *variable)
{
    for (const char *p = all; p < all + len; p += strlen(p) + 1)
        if (strcmp(p, variable) == 0)
            return true;
    return false;
}

static bool holds_all(pid_t pid, const char *const *variables, char *text)
{
    ssize_t n = slurp(pid, "environ", text, ENVIRON_MAX);

    if (n <= 0)
        return false;
    while (*variables && holds(text, (size_t)n, *variables))
        variables++;
    return !*variables;
}

static bool is_of_user(pid_t pid, uid_t uid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &st) == 0 && st.st_uid == uid;
}

int procs_signal_env(uid_t uid, const char *const *variables, int signo)
{
    CLEANUP(table_fini) struct table t = { 0 };
    CLEANUP(freep) char *text = xmalloc(ENVIRON_MAX);
    int hit = 0;

    table_read(&t);
    for (size_t i = 0; i < t.n; i++) {
        pid_t pid = t.v[i].id.pid;
        if (pid != getpid() && t.v[i].state != 'Z' && is_of_user(pid, uid) &&
            holds_all(pid, variables, text))
            hit += signal_one(&t.v[i].id, signo);
    }
    return hit;
}
