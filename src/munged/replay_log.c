/* The replay memory on disk.  A record is 21 bytes: '+' or '-', tag, expiry; a torn last one is cut
 * off. */
#include "munged/replay_log.h"

#include "auth/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "SLUREP1\n"
#define HEAD_LEN (sizeof HEAD - 1)
#define RECORD (1 + REPLAY_TAG + 4)
#define COMPACT_MIN 4096u /* records: a smaller file is not worth it */

static void record_put(uint8_t *at, char op, const uint8_t *tag, uint32_t expiry)
{
    at[0] = (uint8_t)op;
    memcpy(at + 1, tag, REPLAY_TAG);
    bytes_put_u32(at + 1 + REPLAY_TAG, expiry);
}

/* The dead are skipped, so loading an old file costs reading it and no more. */
static void record_apply(const uint8_t *at, struct replay *into, uint32_t now)
{
    struct bytes r = { at + 1 + REPLAY_TAG, at + RECORD, false };
    uint32_t expiry = bytes_u32(&r);

    if (expiry < now)
        return;
    if (at[0] == '+')
        replay_insert(into, at + 1, expiry, now);
    else
        replay_remove(into, at + 1, expiry);
}

/* Reads to the last whole record and cuts the file there. */
static int load(struct replay_log *l, struct replay *into, uint32_t now, bool *ret_lost)
{
    CLEANUP(buf_fini) struct buf file = { 0 };
    ssize_t n = 1;

    while (n > 0) {
        buf_reserve(&file, 65536);
        n = read(l->fd, file.data + file.len, 65536);
        file.len += n > 0 ? (size_t)n : 0;
    }
    *ret_lost = n < 0 || file.len < HEAD_LEN || memcmp(file.data, HEAD, HEAD_LEN) != 0;
    if (*ret_lost)
        return ftruncate(l->fd, 0) == 0 && write(l->fd, HEAD, HEAD_LEN) == (ssize_t)HEAD_LEN
                   ? 0
                   : -errno;
    l->records = (file.len - HEAD_LEN) / RECORD;
    for (size_t i = 0; i < l->records; i++)
        record_apply(file.data + HEAD_LEN + i * RECORD, into, now);
    return ftruncate(l->fd, (off_t)(HEAD_LEN + l->records * RECORD)) == 0 ? 0 : -errno;
}

int replay_log_open(struct replay_log *l, const char *path, struct replay *into, uint32_t now,
                    bool *ret_lost, struct err *e)
{
    *l = (struct replay_log){ .path = path };
    l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0) {
        l->path = NULL;
        return err_errno(e, "Failed to open replay file \"%s\"", path);
    }
    int err = load(l, into, now, ret_lost);
    return err < 0 ? err_set(e, -err, "Failed to read replay file \"%s\": %s", path, strerror(-err))
                   : 0;
}

void replay_log_close(struct replay_log *l)
{
    if (!l->path)
        return;
    replay_log_sync(l);
    close(l->fd);
    l->path = NULL;
}

/* A replay memory that cannot be written is a promise that cannot be kept. */
static void append(struct replay_log *l, char op, const uint8_t *tag, uint32_t expiry)
{
    uint8_t record[RECORD];

    if (!l->path)
        return;
    record_put(record, op, tag, expiry);
    if (write(l->fd, record, sizeof record) != (ssize_t)sizeof record)
        die("replay file %s: %s", l->path, strerror(errno));
    l->records++;
    l->dirty = true;
}

void replay_log_add(struct replay_log *l, const uint8_t tag[REPLAY_TAG], uint32_t expiry)
{
    append(l, '+', tag, expiry);
}

/* "Was not delivered after all" is a record too; the file is never rewritten in place. */
void replay_log_drop(struct replay_log *l, const uint8_t tag[REPLAY_TAG], uint32_t expiry)
{
    append(l, '-', tag, expiry);
}

void replay_log_sync(struct replay_log *l)
{
    if (!l->path || !l->dirty)
        return;
    if (fdatasync(l->fd) < 0)
        die("replay file %s: %s", l->path, strerror(errno));
    l->dirty = false;
}

/* The entries alive, in the order of the table; the number of them. */
static size_t alive_put(struct buf *out, const struct replay *from, uint32_t now)
{
    const struct replay_entry *s;
    uint8_t record[RECORD];
    size_t alive = 0;

    buf_puts(out, HEAD);
    for (size_t at = 0; (s = replay_next(from, &at, now)); alive++) {
        record_put(record, '+', s->tag, s->expiry);
        buf_put(out, record, sizeof record);
    }
    return alive;
}

/* The new file is whole and on disk before it takes the name: a crash leaves one or the other. */
void replay_log_compact(struct replay_log *l, const struct replay *from, uint32_t now)
{
    CLEANUP(buf_fini) struct buf file = { 0 };

    if (!l->path || l->records < COMPACT_MIN)
        return;
    size_t alive = alive_put(&file, from, now);
    if (alive * 2 > l->records)
        return;

    CLEANUP(freep) char *fresh = xasprintf("%s.new", l->path);
    CLEANUP(closep)
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len || fdatasync(fd) < 0 ||
        rename(fresh, l->path) < 0) {
        log_error("replay file %s is not compacted: %s", l->path, strerror(errno));
        return;
    }
    close(l->fd);
    l->fd = TAKE_FD(fd);
    l->records = alive;
    l->dirty = false;
}
