/* A state directory whose only segment holds whatever bytes the disk gave back.  Opening it ends,
 * says in words what is wrong, and what it made of the bytes is the same at the next start.
 *
 * A random checksum is never right, so an input with an odd first byte is a list of records that
 * get right ones: flags and kind, step of the sequence, length, body. */
#include "base/log.h"
#include "base/xalloc.h"
#include "journal/record.h"
#include "journal/wal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KINDS 48u /* a few more than there are */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_sync(void *ctx, int fd)
{
    return 0;
}

static int no_sync_dir(void *ctx, const char *path)
{
    return 0;
}

static int no_space(void *ctx, int fd, int64_t len)
{
    return 0;
}

static int count_fact(void *ctx, const struct fact *f, struct err *e)
{
    ++*(uint64_t *)ctx;
    return 0;
}

static void seal(const uint8_t *data, size_t size, struct buf *out)
{
    uint64_t sequence = 1;

    record_put_numbers(out, RECORD_FILE, sequence, (struct record_numbers){ { 1, 1 } });
    while (size >= 3) {
        size_t len = data[2] < size - 3 ? data[2] : size - 3;
        size_t at = record_begin(out, (uint16_t)(data[0] % KINDS), sequence);
        uint16_t flags = (uint16_t)(data[0] << 8) & (RECORD_FIRST | RECORD_LAST);
        buf_put(out, data + 3, len);
        record_end(out, at, flags);
        sequence += data[1];
        data += 3 + len;
        size -= 3 + len;
    }
}

static void write_segment(const char *dir, const uint8_t *data, size_t size)
{
    char path[64];
    struct buf sealed = { 0 };

    if (size > 0 && data[0] & 1) {
        seal(data + 1, size - 1, &sealed);
        data = sealed.data;
        size = sealed.len;
    }
    snprintf(path, sizeof path, "%s/wal.1", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    buf_fini(&sealed);
}

/* The result of wal_open; what was replayed goes to *ret_facts. */
static int opened(const char *dir, uint64_t *ret_facts, uint64_t *ret_epoch)
{
    static const struct disk lazy = { .fdatasync = no_sync,
                                      .fsync_dir = no_sync_dir,
                                      .fallocate = no_space };
    const struct wal_options o = {
        .dir = dir, .disk = &lazy, .segment_bytes = 1 << 16, .ballast_bytes = 1 << 12
    };
    struct wal_report report;
    struct err e = { 0 };
    struct wal *w;

    *ret_facts = 0;
    int r = wal_open(&o, count_fact, ret_facts, &w, &report, &e);
    if (r < 0) {
        assert(e.text[0]);
        return r;
    }
    assert(*ret_facts == report.facts && (report.damaged > 0) == (report.text[0] != '\0'));
    *ret_epoch = wal_epoch(w);
    wal_close(w);
    return 0;
}

static void remove_all(const char *dir)
{
    static const char *const names[] = { "wal.1", "wal.2", "wal.3", "lock", "ballast", "CURRENT" };
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert(rmdir(dir) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char dir[] = "/tmp/journal_fuzz.XXXXXX";
    uint64_t facts, again, epoch, later;

    log_init("journal_fuzz", LOG_QUIET);
    assert(mkdtemp(dir));
    write_segment(dir, data, size);
    int r = opened(dir, &facts, &epoch);
    if (r == 0) {
        assert(opened(dir, &again, &later) == 0);
        assert(again == facts && later > epoch);
    }
    remove_all(dir);
    return 0;
}
