/* The spool of slurmd; its shape is drawn in spool.h. */
#include "node/spool.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT "slurm_script"
#define RECORD "step"
#define READ_STEP 65536u

static const char *const step_files[] = { RECORD,  SCRIPT,  "end",    "told",
                                          "ident", "usage", "result", "tmp" };

void spool_step_name(const struct step_key *key, char ret[48])
{
    if (key->step_id == STEP_BATCH)
        snprintf(ret, 48, "job%u.%u.batch", key->job_id, key->restart);
    else
        snprintf(ret, 48, "job%u.%u.%u", key->job_id, key->restart, key->step_id);
}

static int sub_open(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Users pass through on the way to their script and see nothing else: the directories are 0711 at
 * most open. */
int spool_open(const char *path, struct spool *ret, struct err *e)
{
    struct stat st;

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return err_errno(e, "make SlurmdSpoolDir %s", path);
    CLEANUP(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &st) < 0)
        return err_errno(e, "SlurmdSpoolDir %s", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return err_set(e, EPERM,
                       "SlurmdSpoolDir %s must belong to uid %u and be writable by nobody else: "
                       "chown %u %s; chmod 755 %s",
                       path, geteuid(), geteuid(), path, path);
    ret->dir = TAKE_FD(dir);
    return 0;
}

void spool_close(struct spool *s)
{
    if (s->dir >= 0)
        close(s->dir);
    s->dir = -1;
}

void spool_boot_id(char ret[40])
{
    CLEANUP(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, ret, 39);

    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

/* ---- steps */

static int record_create(int dir, const struct step_record *r, struct err *e)
{
    CLEANUP(closep)
    int fd = openat(dir, RECORD, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_errno(e, "record of job %u", r->key.job_id);
    if (dprintf(fd, "job %u step %u restart %u uid %u epoch %llu single %d boot %s\n",
                r->key.job_id, r->key.step_id, r->key.restart, r->uid, (unsigned long long)r->epoch,
                r->is_single_node, r->boot_id) < 0)
        return err_errno(e, "record of job %u", r->key.job_id);
    return TAKE_FD(fd);
}

int spool_step_new(const struct spool *s, const struct step_record *r, struct step_files *ret,
                   struct err *e)
{
    char name[48];

    spool_step_name(&r->key, name);
    if (mkdirat(s->dir, name, 0711) < 0)
        return err_errno(e, "make %s in the spool", name);
    CLEANUP(closep) int dir = sub_open(s->dir, name);
    int lock = dir < 0 ? err_set(e, -dir, "open %s in the spool", name) : record_create(dir, r, e);
    if (lock < 0) {
        spool_step_remove(s, &r->key);
        return lock;
    }
    *ret = (struct step_files){ .dir = TAKE_FD(dir), .lock = lock };
    return 0;
}

int spool_step_sign(int lock)
{
    struct proc_stat me;
    int err = proc_stat(getpid(), &me);

    if (err < 0)
        return err;
    return dprintf(lock, "pid %d start %llu\n", (int)me.id.pid, (unsigned long long)me.id.start) < 0
               ? -errno
               : 0;
}

int spool_step_open(const struct spool *s, const struct step_key *key, int *ret_dir)
{
    char name[48];

    spool_step_name(key, name);
    int dir = sub_open(s->dir, name);
    if (dir < 0)
        return dir;
    *ret_dir = dir;
    return 0;
}

int spool_step_read(int dir, struct step_record *ret, bool *ret_is_locked)
{
    char text[512];
    struct step_record r = { 0 };
    unsigned long long epoch, start;
    int single, pid, used = 0;

    CLEANUP(closep) int fd = openat(dir, RECORD, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_is_locked = flock(fd, LOCK_SH | LOCK_NB) < 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "job %u step %u restart %u uid %u epoch %llu single %d boot %39s%n",
               &r.key.job_id, &r.key.step_id, &r.key.restart, &r.uid, &epoch, &single, r.boot_id,
               &used) != 7)
        return -EBADMSG;
    r.epoch = epoch;
    r.is_single_node = single;
    if (sscanf(text + used, "\npid %d start %llu", &pid, &start) == 2 &&
        strchr(text + used + 1, '\n'))
        r.keeper = (struct proc){ pid, start };
    *ret = r;
    return 0;
}

static void remove_named(const struct spool *s, const char *name)
{
    CLEANUP(closep) int dir = sub_open(s->dir, name);

    if (dir < 0)
        return;
    for (size_t i = 0; i < sizeof step_files / sizeof step_files[0]; i++)
        unlinkat(dir, step_files[i], 0);
    unlinkat(s->dir, name, AT_REMOVEDIR);
}

void spool_step_remove(const struct spool *s, const struct step_key *key)
{
    char name[48];

    spool_step_name(key, name);
    remove_named(s, name);
}

void spool_each(const struct spool *s, spool_fn *fn, void *ctx)
{
    struct step_record r;
    bool is_locked;

    int again = sub_open(s->dir, ".");
    CLEANUP(closedirp) DIR *all = again < 0 ? NULL : fdopendir(again);
    for (struct dirent *d; all && (d = readdir(all));) {
        if (strncmp(d->d_name, "job", 3) != 0)
            continue;
        CLEANUP(closep) int dir = sub_open(s->dir, d->d_name);
        if (dir < 0)
            continue;
        if (spool_step_read(dir, &r, &is_locked) < 0)
            remove_named(s, d->d_name);
        else
            fn(ctx, dir, &r, is_locked);
    }
}

/* ---- whole files */

static int write_all(int fd, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int spool_put(int dir, const char *name, const struct buf *data)
{
    CLEANUP(closep)
    int fd = openat(dir, "tmp", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int err = fd < 0 ? -errno : write_all(fd, data->data, data->len);

    if (err == 0 && renameat(dir, "tmp", dir, name) < 0)
        err = -errno;
    return err;
}

int spool_get(int dir, const char *name, struct buf *ret)
{
    ssize_t n;

    CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    buf_reset(ret);
    do {
        buf_reserve(ret, READ_STEP);
        n = read(fd, ret->data + ret->len, READ_STEP);
        ret->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    return n < 0 ? -errno : 0;
}

int spool_append(int dir, const char *name, const struct buf *data)
{
    CLEANUP(closep)
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : write_all(fd, data->data, data->len);
}

/* The file is made by root in root's directory and handed over by descriptor; root never opens it
 * again. */
int spool_script(int dir, const void *script, size_t len, uid_t uid, gid_t gid, struct err *e)
{
    CLEANUP(closep)
    int fd = openat(dir, SCRIPT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
    int err = fd < 0 ? -errno : write_all(fd, script, len);

    if (err < 0)
        return err_set(e, -err, "write the script: %s", strerror(-err));
    if (uid != geteuid() && fchown(fd, uid, gid) < 0)
        return err_errno(e, "give the script to user %u", uid);
    return 0;
}

/* ---- seen */

static uint32_t slot_of(const struct step_key *key)
{
    return (uint32_t)(hash_u64((uint64_t)key->job_id << 32 | key->step_id) % SEEN_SLOTS);
}

int seen_open(const struct spool *s, const char *name, struct seen *ret, struct err *e)
{
    memset(ret, 0, sizeof *ret);
    ret->file = openat(s->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (ret->file < 0)
        return err_errno(e, "open %s in the spool", name);
    if (pread(ret->file, ret->slots, sizeof ret->slots, 0) < 0)
        return err_errno(e, "read %s in the spool", name);
    return 0;
}

bool seen_has(const struct seen *s, const struct step_key *key)
{
    const struct seen_slot *slot = &s->slots[slot_of(key)];

    return slot->used && slot->job_id == key->job_id && slot->step_id == key->step_id &&
           slot->restart >= key->restart;
}

void seen_add(struct seen *s, const struct step_key *key)
{
    uint32_t at = slot_of(key);

    s->slots[at] = (struct seen_slot){ key->job_id, key->step_id, key->restart, 1 };
    if (pwrite(s->file, &s->slots[at], sizeof s->slots[at], (off_t)(at * sizeof s->slots[at])) < 0)
        return; /* memory still knows; only a restart on a full disk forgets */
}
