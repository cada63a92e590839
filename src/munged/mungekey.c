/* mungekey: makes a key file.  Random bytes from the kernel; the file appears whole or not at all.
 */
#include "base/cleanup.h"
#include "munged/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME "mungekey"
#define BITS_MIN 256
#define BITS_MAX 8192

static const struct option_row rows[] = {
    { "create", 'c', NULL, "Create keyfile" },
    { 0 },
    { "bits", 'b', "INT", "Specify number of bits in key being created" },
    { "force", 'f', NULL, "Force keyfile to be overwritten if it exists" },
    { "keyfile", 'k', "PATH", "Specify keyfile pathname [/etc/munge/munge.key]" },
    { "verbose", 'v', NULL, "Be verbose" },
    { 0 },
    { OPTION_HELP },
    { OPTION_LICENSE },
    { OPTION_VERSION },
};

static const struct program program = { .name = NAME,
                                        .rows = rows,
                                        .n = sizeof rows / sizeof *rows,
                                        .invalid = "Option \"%s\" is invalid",
                                        .missing = "Option \"%s\" is missing a required argument",
                                        .extra = "Option \"%s\" is unrecognized" };

struct make {
    const char *path;
    size_t bytes;
    bool force, verbose;
};

static void option_set(void *ctx, int letter, const char *arg)
{
    struct make *m = ctx;
    int64_t bits;

    m->force |= letter == 'f';
    m->verbose |= letter == 'v';
    if (letter == 'k')
        m->path = arg;
    if (letter != 'b')
        return;
    if (number_parse(arg, BITS_MIN, BITS_MAX, &bits) < 0)
        fail(NAME, EXIT_FAILURE, "Option \"-b\" has invalid value \"%s\" (range is %d-%d)", arg,
             BITS_MIN, BITS_MAX);
    m->bytes = (size_t)(bits + 7) / 8;
}

/* O_EXCL even after the unlink of --force: whatever is there now was put there by somebody else. */
static void create(const struct make *m, const uint8_t *key)
{
    if (m->force && unlink(m->path) < 0 && errno != ENOENT)
        fail(NAME, EXIT_FAILURE, "Failed to remove \"%s\": %s", m->path, strerror(errno));

    CLEANUP(closep)
    int fd = open(m->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        fail(NAME, EXIT_FAILURE, "Failed to create \"%s\": %s", m->path, strerror(errno));
    if (write(fd, key, m->bytes) == (ssize_t)m->bytes && fsync(fd) == 0)
        return;
    int why = errno;
    unlink(m->path);
    fail(NAME, EXIT_FAILURE, "Failed to write \"%s\": %s", m->path, strerror(why));
}

int main(int argc, char **argv)
{
    struct make m = { .path = "/etc/munge/munge.key", .bytes = 128 };
    uint8_t key[BITS_MAX / 8];

    options_parse(&program, argc, argv, option_set, &m);
    for (size_t got = 0; got < m.bytes;) {
        ssize_t n = getrandom(key + got, m.bytes - got, 0);
        if (n < 0 && errno != EINTR)
            fail(NAME, EXIT_FAILURE, "Failed to obtain random bytes: %s", strerror(errno));
        got += n > 0 ? (size_t)n : 0;
    }
    create(&m, key);
    explicit_bzero(key, sizeof key);
    if (m.verbose)
        fprintf(stderr, "%s: Info: Created \"%s\" with %zu-bit key\n", NAME, m.path, m.bytes * 8);
    return EXIT_SUCCESS;
}
