/* Resource limits by name.  A limit that cannot be had is no reason to fail a job: Slurm warns, and
 * so does the shell. */
#include "node/rlimits.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    const char *name;
    int resource;
} names[] = {
    { "CPU", RLIMIT_CPU },     { "FSIZE", RLIMIT_FSIZE },   { "DATA", RLIMIT_DATA },
    { "STACK", RLIMIT_STACK }, { "CORE", RLIMIT_CORE },     { "RSS", RLIMIT_RSS },
    { "NPROC", RLIMIT_NPROC }, { "NOFILE", RLIMIT_NOFILE }, { "MEMLOCK", RLIMIT_MEMLOCK },
    { "AS", RLIMIT_AS },
};

static void set_one(int resource, uint64_t soft)
{
    struct rlimit now;

    if (getrlimit(resource, &now) < 0)
        return;
    now.rlim_cur = soft;
    if (now.rlim_cur > now.rlim_max) {
        if (geteuid() == 0)
            now.rlim_max = now.rlim_cur;
        else
            now.rlim_cur = now.rlim_max;
    }
    (void)setrlimit(resource, &now);
}

void rlimits_set(const struct rlimit_row *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (strcmp(rows[i].name, names[k].name) == 0)
                set_one(names[k].resource, rows[i].soft);
}
