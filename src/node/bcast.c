/* A file that arrives: written beside its place under a name that nobody knows, then renamed.  All
 * of it as the user, so a link in the way leads only where the user may write anyway. */
#include "node/bcast.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static int copy(int to)
{
    CLEANUP(freep) char *chunk = xmalloc(CHUNK);
    ssize_t n;

    while ((n = read(STDIN_FILENO, chunk, CHUNK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(to, chunk + done, (size_t)(n - done))) < 0)
                return -errno;
    }
    return 0;
}

static int put_in_place(const char *temporary, const struct step_spec *spec)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, spec->bcast_to,
                  spec->bcast_force ? 0 : RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL || spec->bcast_force)
        return -errno;
    /* A file system without RENAME_NOREPLACE: a hard link does not replace either. */
    int err = link(temporary, spec->bcast_to) < 0 ? -errno : 0;
    unlink(temporary);
    return err;
}

int bcast_receive(const struct step_spec *spec, struct err *e)
{
    struct arena a = { 0 };

    if (!spec->bcast_force && access(spec->bcast_to, F_OK) == 0)
        return err_set(e, EEXIST, "%s: %s", spec->bcast_to, strerror(EEXIST)), EXIT_FAILURE;
    char *temporary = arena_printf(&a, "%s.sbcast.XXXXXX", spec->bcast_to);
    CLEANUP(closep) int fd = mkostemp(temporary, O_CLOEXEC);
    int err = fd < 0 ? -errno : copy(fd);
    if (err == 0 && fchmod(fd, (mode_t)spec->bcast_mode & 0777) < 0)
        err = -errno;
    if (err == 0)
        err = put_in_place(temporary, spec);
    if (err < 0 && fd >= 0)
        unlink(temporary);
    if (err < 0)
        err_set(e, -err, "%s: %s", spec->bcast_to, strerror(-err));
    arena_fini(&a);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
