/* Keys from a file into locked memory, and out of it again. */
#include "auth/keyring.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOCKED_SIZE ((sizeof(struct cred_key) + 4095) & ~(size_t)4095)

/* ---- memory that is neither swapped nor dumped nor inherited */

static void *locked_new(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        die("no memory for a key");
    /* The limit on locked memory may be zero for an ordinary user; a key is still better kept than
     * none. */
    if (mlock(p, size) < 0)
        log_verbose("key memory is not locked: %s", strerror(errno));
    madvise(p, size, MADV_DONTDUMP);
    madvise(p, size, MADV_WIPEONFORK);
    return p;
}

static void locked_free(void *p, size_t size)
{
    if (!p)
        return;
    wipe(p, size);
    munmap(p, size);
}

static void key_drop(struct keyring *r, unsigned i)
{
    cred_key_fini(r->keys[i]);
    locked_free(r->keys[i], LOCKED_SIZE);
    r->n--;
    memmove(&r->keys[i], &r->keys[i + 1], (r->n - i) * sizeof r->keys[0]);
    memmove(&r->until[i], &r->until[i + 1], (r->n - i) * sizeof r->until[0]);
}

/* ---- the file */

/* The whole file is the key, its last newline included. */
static int read_all(int fd, uint8_t *buf, size_t room, size_t *ret_len, struct err *e)
{
    size_t len = 0;

    for (ssize_t got = 1; got > 0 && len < room; len += (size_t)got)
        if ((got = read(fd, buf + len, room - len)) < 0)
            return err_errno(e, "Failed to read keyfile");
    if (len < KEY_FILE_MIN)
        return err_set(e, EINVAL, "Keyfile must be at least %u bytes", KEY_FILE_MIN);
    if (len == room)
        return err_set(e, EFBIG, "Keyfile must be shorter than %u bytes", KEY_FILE_MAX);
    *ret_len = len;
    return 0;
}

static int key_open(const struct key_source *from, int *ret_fd, struct err *e)
{
    const struct path_policy policy = { .label = "Keyfile",
                                        .word = "keyfile",
                                        .trusted_group = from->trusted_group };

    int err = path_open_secret(from->path, &policy, ret_fd, e);
    if (err == -ENOENT)
        return err_set(e, ENOENT, "Failed to find keyfile \"%s\": %s (Did you run mungekey?)",
                       from->path, strerror(ENOENT));
    return err;
}

int keyring_check(const struct key_source *from, struct err *e)
{
    CLEANUP(closep) int fd = -1;

    int err = key_open(from, &fd, e);
    return err == -EPERM && from->force ? 0 : err;
}

static int key_read(const struct key_source *from, struct cred_key *ret, struct stat *ret_st,
                    struct err *e)
{
    CLEANUP(closep) int fd = -1;
    size_t len = 0;

    int err = key_open(from, &fd, e);
    if (err == -EPERM && from->force)
        log_error("Warning: %s", e->text);
    else if (err < 0)
        return err;
    if (fstat(fd, ret_st) < 0)
        return err_errno(e, "Failed to check keyfile \"%s\"", from->path);

    uint8_t *file = locked_new(KEY_FILE_MAX);
    err = read_all(fd, file, KEY_FILE_MAX, &len, e);
    if (err == 0)
        cred_key_init(ret, file, len);
    locked_free(file, KEY_FILE_MAX);
    return err;
}

/* ---- the ring */

static void key_add_newest(struct keyring *r, struct cred_key *key, const struct key_source *from)
{
    if (r->n == KEYRING_MAX)
        key_drop(r, r->n - 1);
    memmove(&r->keys[1], &r->keys[0], r->n * sizeof r->keys[0]);
    memmove(&r->until[1], &r->until[0], r->n * sizeof r->until[0]);
    r->keys[0] = key;
    r->until[0] = INT64_MAX;
    r->n++;
    if (r->n > 1)
        r->until[1] = from->now + from->overlap_s;
}

int keyring_load(struct keyring *r, const struct key_source *from, struct err *e)
{
    struct stat st;

    struct cred_key *key = locked_new(LOCKED_SIZE);
    int err = key_read(from, key, &st, e);
    if (err < 0) {
        locked_free(key, LOCKED_SIZE);
        return err;
    }
    r->file_mtime = st.st_mtim;
    for (unsigned i = 0; i < r->n; i++) {
        if (!equal_secret(r->keys[i]->mac_secret, key->mac_secret, SUBKEY_LEN))
            continue;
        if (i == 0) {
            cred_key_fini(key);
            locked_free(key, LOCKED_SIZE);
            return 0;
        }
        key_drop(r, i); /* a return to an older key */
        break;
    }
    key_add_newest(r, key, from);
    assert(r->n <= KEYRING_MAX);
    return 1;
}

void keyring_expire(struct keyring *r, int64_t now)
{
    for (unsigned i = r->n; i-- > 1;)
        if (r->until[i] < now)
            key_drop(r, i);
}

bool keyring_file_changed(const struct keyring *r, const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 || st.st_mtim.tv_sec != r->file_mtime.tv_sec ||
           st.st_mtim.tv_nsec != r->file_mtime.tv_nsec;
}

void keyring_fini(struct keyring *r)
{
    while (r->n > 0)
        key_drop(r, r->n - 1);
}
