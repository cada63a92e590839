/* The seam between the journal and the disk: tests fail, tear or lose the n-th call through it. */
#ifndef JOURNAL_DISK_H
#define JOURNAL_DISK_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Every system call that changes the disk.  A member that is NULL is the real call.  Each returns
 * as the system call does (-1 and errno). */
struct disk {
    int (*open)(void *ctx, const char *path, int flags, int mode);
    ssize_t (*pwrite)(void *ctx, int fd, const void *p, size_t len, int64_t at);
    int (*fdatasync)(void *ctx, int fd);
    int (*fallocate)(void *ctx, int fd, int64_t len);
    int (*ftruncate)(void *ctx, int fd, int64_t len);
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*unlink)(void *ctx, const char *path);
    int (*fsync_dir)(void *ctx, const char *path);
    int64_t (*free_bytes)(void *ctx, const char *path); /* for unprivileged writers; -1: unknown */
    void *ctx;
};

/* A directory and how to reach it: what every file of the journal hangs on. */
struct place {
    char *dir;
    struct disk disk; /* complete: no member is NULL */
};

/* Makes the directory (0700) when it is absent.  Refuses one that others can write to. `disk` may
 * be NULL. */
int place_init(struct place *p, const char *dir, const struct disk *disk, struct err *e);
void place_fini(struct place *p);
char *place_path(const struct place *p, const char *stem,
                 uint64_t number);             /* DIR/stem.N; malloc'ed */
bool place_is_volatile(const struct place *p); /* a file system that a reboot empties */

/* Ascending numbers N of the files DIR/stem.N.  *ret is malloc'ed. */
struct numbers {
    uint64_t *v;
    unsigned n;
};
int place_list(const struct place *p, const char *stem, struct numbers *ret, struct err *e);

/* All of it or an error; a short write goes on. */
int place_write(const struct place *p, int fd, const void *data, size_t len, int64_t at);
/* Creates DIR/stem.N anew for writing.  The descriptor, or -errno. */
int place_create(const struct place *p, const char *stem, uint64_t number);
int place_remove(const struct place *p, const char *stem, uint64_t number);
/* Puts a whole small file in place so that a crash leaves the old one or the new one: write aside,
 * sync, rename, sync the directory. */
int place_replace(const struct place *p, const char *name, const void *data, size_t len,
                  struct err *e);
/* The whole file, but for space behind its last data that was only preallocated. */
int file_read(const char *path, struct buf *ret, struct err *e);

#endif
