/* Reading the journal back: the newest sound snapshot, then every segment since.
 *
 * What a crash does and what bit rot does are told apart.  A commit that was cut short is the last
 * thing in the last segment: nobody was told of it, and it is dropped as a whole.  A bad record
 * with a later commit behind it, or in a segment that has a successor, was once synced: that is
 * damage.  It is reported, what is sound around it is applied, and the start goes on. */
#include "journal/wal_impl.h"

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "wire/wire.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Sequences that lie further ahead than this are not believed when searching behind damage. */
#define LEAP_MAX (1u << 30)

struct segment {
    const uint8_t *p;
    size_t len;
    uint64_t number;
    uint64_t stop; /* first sequence of the next segment; UINT64_MAX: unknown or none */
    bool is_last;
    bool is_damaged;
    size_t end; /* behind the last sound commit */
};

static int replay_segments(struct replay *r, const struct numbers *wals, struct err *e);
static int replay_segment(struct replay *r, struct segment *s, struct err *e);
static int settle_last(struct replay *r, const struct segment *s, struct err *e);

void replay_damage(struct replay *r, const char *fmt, ...)
{
    va_list ap;

    if (r->report->damaged++ > 0)
        return;
    va_start(ap, fmt);
    vsnprintf(r->report->text, sizeof r->report->text, fmt, ap);
    va_end(ap);
}

int replay_record(struct replay *r, const struct record *rec, struct err *e)
{
    const struct desc *d = fact_desc(rec->kind);
    struct fact f = { .kind = rec->kind };
    void *body;

    if (!d)
        return err_set(e, ENOTSUP, "fact of unknown kind %u: written by a newer slurmctld?",
                       rec->kind);
    arena_reset(&r->arena);
    int code = wire_unpack_new(d, rec->body, rec->len, &r->arena, &body, e);
    if (code < 0)
        return err_at(e, code, "fact %s", fact_name(rec->kind));
    f.body = body;
    r->report->facts++;
    return r->fn(r->ctx, &f, e);
}

/* ---- which snapshot */

/* "N CRC\n".  0: no such file. */
static uint64_t read_current(struct replay *r, bool *ret_is_damaged)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct err ignored;
    unsigned long long n = 0;
    unsigned crc = 0;
    char path[4200];

    *ret_is_damaged = false;
    snprintf(path, sizeof path, "%s/CURRENT", r->wal->place.dir);
    if (file_read(path, &text, &ignored) < 0)
        return 0;
    char exact[64];
    if (sscanf(buf_str(&text), "%llu %x", &n, &crc) == 2)
        snprintf(exact, sizeof exact, "%llu %08x\n", n, crc);
    *ret_is_damaged =
        n == 0 || crc != crc32c(0, &n, sizeof n) || strcmp(exact, buf_str(&text)) != 0;
    return *ret_is_damaged ? 0 : n;
}

/* Only what CURRENT names or something older: what lies beyond was never completed. */
static int replay_snapshot(struct replay *r, const struct numbers *snaps, struct err *e)
{
    bool is_damaged;
    uint64_t current = read_current(r, &is_damaged);
    struct err why;

    if (is_damaged)
        replay_damage(r, "CURRENT is damaged");
    for (unsigned i = snaps->n; i-- > 0;) {
        uint64_t number = snaps->v[i];
        if (number > current && !is_damaged)
            continue;
        int code = snapshot_read(r, number, &r->wal->next, &why);
        if (code == 0) {
            r->wal->snapshot = number;
            r->report->used_older_snapshot = current > 0 && number < current;
            return 0;
        }
        if (code != -EBADMSG) {
            *e = why;
            return code;
        }
        replay_damage(r, "%.200s", why.text);
    }
    if (current > 0)
        replay_damage(r, "snap.%llu is gone", (unsigned long long)current);
    return 0;
}

int replay_all(struct replay *r, struct err *e)
{
    struct numbers snaps = { 0 };
    struct numbers wals = { 0 };

    int code = place_list(&r->wal->place, "snap", &snaps, e);
    if (code == 0)
        code = place_list(&r->wal->place, "wal", &wals, e);
    if (code == 0)
        code = replay_snapshot(r, &snaps, e);
    if (code == 0 && r->wal->snapshot == 0 && wals.n > 0 && wals.v[0] > 1)
        code = err_set(e, EBADMSG, "%s: no readable snapshot, and wal.1 is gone: %.200s",
                       r->wal->place.dir, r->report->text);
    if (code == 0)
        code = replay_segments(r, &wals, e);
    if (code == 0 && snaps.n > 0 && snaps.v[snaps.n - 1] > r->wal->number)
        r->wal->number = snaps.v[snaps.n - 1];
    free(snaps.v);
    free(wals.v);
    return code;
}

/* ---- segments */

static bool read_head(const uint8_t *p, size_t len, struct record *ret, struct record_numbers *n)
{
    return record_read(p, len, ret) && ret->kind == RECORD_FILE && record_get_numbers(ret, n);
}

/* The first sequence of a segment, or UINT64_MAX when its head cannot be read. */
static uint64_t first_of(struct replay *r, uint64_t number)
{
    uint8_t head[RECORD_HEAD + sizeof(struct record_numbers) + RECORD_TAIL];
    CLEANUP(freep) char *path = place_path(&r->wal->place, "wal", number);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct record rec;
    struct record_numbers n;

    if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head ||
        !read_head(head, sizeof head, &rec, &n))
        return UINT64_MAX;
    return rec.number;
}

static int replay_file(struct replay *r, struct segment *s, struct err *e)
{
    CLEANUP(freep) char *path = place_path(&r->wal->place, "wal", s->number);
    CLEANUP(buf_fini) struct buf bytes = { 0 };

    int code = file_read(path, &bytes, e);
    if (code < 0)
        return code;
    s->p = bytes.data;
    s->len = bytes.len;
    code = replay_segment(r, s, e);
    if (code < 0)
        return err_at(e, code, "%s", path);
    r->wal->since_bytes += s->end;
    r->wal->since_segments++;
    return s->is_last ? settle_last(r, s, e) : 0;
}

static int replay_segments(struct replay *r, const struct numbers *wals, struct err *e)
{
    uint64_t expected = r->wal->snapshot;

    for (unsigned i = 0; i < wals->n; i++) {
        bool is_last = i + 1 == wals->n;
        struct segment s = {
            .number = wals->v[i],
            .is_last = is_last,
            .stop = is_last ? UINT64_MAX : first_of(r, wals->v[i + 1]),
        };
        r->wal->number = s.number;
        if (s.number < r->wal->snapshot)
            continue;
        if (expected > 0 && s.number > expected)
            replay_damage(r, "wal.%llu is gone", (unsigned long long)expected);
        expected = s.number + 1;
        int code = replay_file(r, &s, e);
        if (code < 0)
            return code;
    }
    return 0;
}

/* Bytes of the whole, sound commit at p whose first record has this number; 0: there is none. */
static size_t commit_size(const uint8_t *p, size_t left, uint64_t number)
{
    struct record rec;

    for (size_t at = 0; record_read(p + at, left - at, &rec); number++) {
        bool is_first = rec.flags & RECORD_FIRST;
        if (rec.number != number || is_first != (at == 0))
            return 0;
        at += rec.size;
        if (rec.flags & RECORD_LAST)
            return at;
    }
    return 0;
}

/* Where the next commit begins whose records are newer than what was applied; `len` when there is
 * none. */
static size_t find_commit(const struct segment *s, size_t from, uint64_t after)
{
    struct record rec;

    for (size_t at = from; (at = record_find(s->p, s->len, at)) < s->len; at++)
        if (record_read_head(s->p + at, s->len - at, &rec) && (rec.flags & RECORD_FIRST) &&
            rec.kind != RECORD_FILE && rec.number >= after && rec.number - after < LEAP_MAX &&
            rec.number < s->stop && record_read(s->p + at, s->len - at, &rec))
            return at;
    return s->len;
}

/* Applies every sound record between two offsets: a whole commit, or what damage left of one. */
static int apply_range(struct replay *r, const struct segment *s, size_t from, size_t to,
                       struct err *e)
{
    struct record rec;

    for (size_t at = from; at < to;) {
        if (!record_read(s->p + at, to - at, &rec) || rec.kind == RECORD_FILE ||
            rec.number < r->wal->next || rec.number >= s->stop) {
            at = record_find(s->p, to, at + 1);
            continue;
        }
        int code = replay_record(r, &rec, e);
        if (code < 0)
            return err_at(e, code, "record %llu", (unsigned long long)rec.number);
        r->wal->next = rec.number + 1;
        at += rec.size;
    }
    return 0;
}

static uint64_t used_bytes(const uint8_t *p, size_t len)
{
    while (len > 0 && p[len - 1] == 0)
        len--;
    return len;
}

/* A segment whose head is bad holds either nothing yet (a crash while it was made) or was damaged.
 */
static size_t segment_start(struct replay *r, struct segment *s)
{
    struct record head;
    struct record_numbers n;

    if (read_head(s->p, s->len, &head, &n)) {
        if (n.v[1] > r->wal->epoch)
            r->wal->epoch = n.v[1];
        if (r->wal->next < head.number)
            r->wal->next = head.number;
        return head.size;
    }
    /* Its epoch is unknown, and may have been told to nodes. */
    r->wal->epoch++;
    size_t first = find_commit(s, 0, r->wal->next);
    if (first < s->len || !s->is_last) {
        replay_damage(r, "the head of wal.%llu is damaged", (unsigned long long)s->number);
        s->is_damaged = true;
    } else {
        r->report->torn_bytes += used_bytes(s->p, s->len);
    }
    return first;
}

static int replay_segment(struct replay *r, struct segment *s, struct err *e)
{
    size_t at = segment_start(r, s);

    s->end = at < s->len ? at : 0;
    while (at < s->len && r->wal->next < s->stop) {
        size_t to = at + commit_size(s->p + at, s->len - at, r->wal->next);
        if (to == at) {
            to = find_commit(s, at + 1, r->wal->next);
            bool is_tail = to == s->len && (s->is_last || s->stop == UINT64_MAX);
            if (is_tail) {
                r->report->torn_bytes += used_bytes(s->p + at, s->len - at);
                return 0;
            }
            replay_damage(r, "wal.%llu is damaged at byte %zu", (unsigned long long)s->number, at);
            s->is_damaged = true;
        }
        int code = apply_range(r, s, at, to, e);
        if (code < 0)
            return code;
        at = s->end = to;
    }
    if (s->stop != UINT64_MAX && r->wal->next < s->stop)
        r->wal->next = s->stop;
    return 0;
}

/* What was accepted from the page cache must be on disk before anybody hears of it; then the unused
 * rest of the segment is given back.  A segment that was never finished goes away. */
static int settle_last(struct replay *r, const struct segment *s, struct err *e)
{
    struct place *place = &r->wal->place;
    struct disk *d = &place->disk;
    CLEANUP(freep) char *path = place_path(place, "wal", s->number);

    if (s->end == 0 && !s->is_damaged) {
        int code = place_remove(place, "wal", s->number);
        r->wal->number = s->number - 1;
        return code < 0 ? err_set(e, -code, "unlink %s: %s", path, strerror(-code)) : 0;
    }
    CLEANUP(closep) int fd = d->open(d->ctx, path, O_RDWR, 0);
    if (fd < 0)
        return err_errno(e, "open %s", path);
    if (!s->is_damaged && d->ftruncate(d->ctx, fd, (int64_t)s->end) < 0)
        return err_errno(e, "ftruncate %s", path);
    if (d->fdatasync(d->ctx, fd) < 0)
        return err_errno(e, "fdatasync %s", path);
    return 0;
}
