/* Reading /proc/PID/stat and io of a tree of processes. */
#include "node/sample.h"

#include "base/cleanup.h"
#include "node/procs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t ticks_us(unsigned long long ticks)
{
    return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void add_stat(struct sample *s, const char *text)
{
    unsigned long long user, system, vsize;
    long long child_user, child_system, pages;

    /* The name in parentheses may hold anything, parentheses too. */
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest,
                        ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d "
                        "%*d %*d %*d %*u %llu %lld",
                        &user, &system, &child_user, &child_system, &vsize, &pages) != 6)
        return;
    s->user_us += ticks_us(user + (unsigned long long)child_user);
    s->system_us += ticks_us(system + (unsigned long long)child_system);
    s->rss_kb += (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    if (vsize / 1024 > s->vsize_kb)
        s->vsize_kb = vsize / 1024;
}

static void add_io(struct sample *s, const char *text)
{
    const char *read_at = strstr(text, "\nread_bytes: "),
               *write_at = strstr(text, "\nwrite_bytes: ");
    uint64_t n;

    if (read_at && sscanf(read_at, "\nread_bytes: %" SCNu64, &n) == 1)
        s->read_bytes += n;
    if (write_at && sscanf(write_at, "\nwrite_bytes: %" SCNu64, &n) == 1)
        s->write_bytes += n;
}

static void sample_one(void *ctx, pid_t pid)
{
    static const struct {
        const char *name;
        void (*add)(struct sample *s, const char *text);
    } files[] = { { "stat", add_stat }, { "io", add_io } };
    char path[48], text[2048];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i].name);
        CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        files[i].add(ctx, text);
    }
}

void sample_tree(pid_t root, struct sample *ret)
{
    *ret = (struct sample){ 0 };
    procs_each(root, sample_one, ret);
}
