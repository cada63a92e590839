/* The group map: built by walking the group database, asked by binary search. */
#include "munged/groups.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP_FILE "/etc/group"
/* A bound for a runaway directory service: 32 MiB. */
#define PAIRS_MAX (4u << 20)

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* uid + 1 of a name, or 0; looked up once per walk, because many groups list the same people. */
static uintptr_t user_number(struct smap *seen, const char *name)
{
    uintptr_t known = (uintptr_t)smap_get(seen, name);

    if (known)
        return known == UINTPTR_MAX ? 0 : known;
    const struct passwd *pw = getpwnam(name);
    uintptr_t number = pw ? (uintptr_t)pw->pw_uid + 1 : UINTPTR_MAX;
    smap_put(seen, xstrdup(name), (void *)number);
    return pw ? number : 0;
}

static void seen_fini(struct smap *seen)
{
    const char *name;
    void *value;

    for (uint32_t at = 0; smap_next(seen, &at, &name, &value);)
        free((void *)(uintptr_t)name);
    smap_fini(seen);
}

/* Appends the pairs, unsorted. */
static void walk(struct buf *out)
{
    struct smap seen = { 0 };
    const struct group *gr;

    setgrent();
    while ((gr = getgrent()) && out->len < PAIRS_MAX * sizeof(uint64_t)) {
        for (char **name = gr->gr_mem; *name; name++) {
            uintptr_t number = user_number(&seen, *name);
            uint64_t pair = (uint64_t)gr->gr_gid << 32 | (uint32_t)(number - 1);
            if (number)
                buf_put(out, &pair, sizeof pair);
        }
    }
    endgrent();
    seen_fini(&seen);
}

/* Takes the pairs over. */
static void adopt(struct groups *g, const struct buf *pairs)
{
    free(g->pairs);
    g->n = pairs->len / sizeof(uint64_t);
    g->pairs =
        xmemdup(pairs->data ? pairs->data : (const uint8_t *)"", g->n * sizeof(uint64_t) + !g->n);
    if (g->n > 1)
        qsort(g->pairs, g->n, sizeof *g->pairs, compare);
}

/* The stock daemon's test for "nothing has changed"; sites with LDAP switch it off by option. */
static struct timespec file_mtime(void)
{
    struct stat st;

    return stat(GROUP_FILE, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

void groups_init(struct groups *g, struct loop *loop, bool check_mtime)
{
    *g = (struct groups){ .loop = loop, .check_mtime = check_mtime, .pipe = -1 };
}

static void arrival_end(struct groups *g)
{
    loop_remove_fd(g->watch);
    if (g->pipe >= 0)
        close(g->pipe);
    g->watch = NULL;
    g->pipe = -1;
    buf_fini(&g->arriving);
}

void groups_fini(struct groups *g)
{
    arrival_end(g);
    free(g->pairs);
    g->pairs = NULL;
}

void groups_build(struct groups *g)
{
    struct buf pairs = { 0 };
    int64_t start = clock_mono_ns();

    g->mtime = file_mtime();
    walk(&pairs);
    adopt(g, &pairs);
    buf_fini(&pairs);
    log_info("Found %zu group memberships in %.3f seconds", g->n,
             (double)(clock_mono_ns() - start) / 1e9);
}

/* ---- refresh */

/* The last 8 bytes are a mark that the walk was completed; a child that died early sends none. */
static const uint64_t complete = UINT64_C(0xc0de9a11c0de9a11);

/* After fork in a process of one thread, so getgrent and malloc are safe here.  Keys are wiped
 * from the child by the kernel (MADV_WIPEONFORK). */
static _Noreturn void child(int fd)
{
    struct buf pairs = { 0 };
    size_t sent = 0;

    walk(&pairs);
    buf_put(&pairs, &complete, sizeof complete);
    while (sent < pairs.len) {
        ssize_t n = write(fd, pairs.data + sent, pairs.len - sent);
        if (n < 0 && errno != EINTR)
            break;
        sent += n > 0 ? (size_t)n : 0;
    }
    _exit(EXIT_SUCCESS);
}

/* Only speaks: what a failed child did send lacks the mark, and is thrown away where it arrives. */
static void child_ended(void *ctx, pid_t pid, int wait_status)
{
    if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
        log_error("Failed to update the group mapping: the child ended with status %d",
                  wait_status);
}

static void arrived(void *ctx, int fd, unsigned events)
{
    struct groups *g = ctx;
    uint8_t bytes[4096];

    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0) {
        buf_put(&g->arriving, bytes, (size_t)n);
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    size_t len = g->arriving.len;
    if (len >= sizeof complete && len % sizeof complete == 0 &&
        memcmp(g->arriving.data + len - sizeof complete, &complete, sizeof complete) == 0) {
        g->arriving.len -= sizeof complete;
        adopt(g, &g->arriving);
        log_info("Updated the group mapping: %zu memberships", g->n);
    }
    arrival_end(g);
}

/* A refresh that is under way is not started twice; the old map answers until the new one is
 * whole. */
void groups_refresh(struct groups *g)
{
    struct timespec mtime = file_mtime();
    int ends[2];

    if (g->pipe >= 0)
        return;
    if (g->check_mtime && mtime.tv_sec == g->mtime.tv_sec && mtime.tv_nsec == g->mtime.tv_nsec)
        return;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        log_error("Failed to update the group mapping: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        child(ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        log_error("Failed to update the group mapping: %s", strerror(errno));
        return;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    g->mtime = mtime;
    g->pipe = ends[0];
    g->watch = loop_add_fd(g->loop, ends[0], LOOP_READ, arrived, g);
    loop_add_child(g->loop, pid, child_ended, g);
}

bool groups_has(const struct groups *g, uint32_t gid, uint32_t uid)
{
    uint64_t pair = (uint64_t)gid << 32 | uid;

    return g->n > 0 && bsearch(&pair, g->pairs, g->n, sizeof pair, compare);
}
