/* Any bytes as slurm.conf: refused with words, or loaded whole; never a crash.  An Include of the
 * input could read any file, so such lines are left out. */
#include "conf/conf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct conf *c = NULL;
    struct err e = { 0 };

    for (size_t i = 0; i + 7 < size; i++)
        if (strncasecmp((const char *)data + i, "include", 7) == 0)
            return 0;
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = conf_load(path, &c, &e);
    close(fd);
    assert((r == 0) == (c != NULL));
    assert(r == 0 || *e.text);
    if (r == 0) {
        struct arena a = { 0 };
        struct core_conf core;
        struct conf_info info;
        if (conf_to_core(c, &a, &core, &e) == 0)
            assert(core.cluster && *core.cluster);
        conf_show(c, &a, &info);
        arena_fini(&a);
    }
    conf_free(c);
    return 0;
}
