/* Any text: refused, or expanded to names that fold and expand to themselves again. */
#include "base/arena.h"
#include "base/hostlist.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = { 0 };
    struct hostlist first, again;
    struct err e;

    char *text = arena_strndup(&a, (const char *)data, size);
    if (hostlist_expand(&a, text, &first, &e) == 0) {
        char *folded = hostlist_compress(&a, first.v, first.n);
        assert(hostlist_expand(&a, folded, &again, &e) == 0);
        assert(again.n == first.n);
        for (uint32_t i = 0; i < first.n; i++)
            assert(strcmp(first.v[i], again.v[i]) == 0);
        hostlist_sort_unique(&again);
        assert(again.n <= first.n);
    }
    arena_fini(&a);
    return 0;
}
