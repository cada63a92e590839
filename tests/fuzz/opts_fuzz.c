/* Any bytes as a batch script: its directives are taken or refused with words; never a crash. */
#include "cli/opts.h"
#include "cli/script.h"

#include <assert.h>
#include <getopt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = { 0 };
    struct opts o;
    struct err e = { 0 };
    const struct script s = { { data, (uint32_t)size }, "fuzz", "" };

    opterr = 0;
    opts_init(&o, BATCH, 1700000000, &a);
    if (script_check(&s, &e) == 0 && script_directives(&s, &o, &e) == 0)
        opts_finish(&o, &e);
    arena_fini(&a);
    return 0;
}
