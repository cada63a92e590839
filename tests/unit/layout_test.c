/* Which task runs where. */
#include "core/step_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *distribution;
    uint32_t ntasks, room[4], nodes;
    const char *want; /* ranks of each node */
};

static void text_of(const struct u32s *tasks, uint32_t nodes, char *out, size_t size)
{
    size_t len = 0;

    for (uint32_t i = 0; i < nodes; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s", i ? " | " : "");
        for (uint32_t k = 0; k < tasks[i].n; k++)
            len += (size_t)snprintf(out + len, size - len, k ? ",%u" : "%u", tasks[i].v[k]);
    }
}

/* The examples of srun(1), and the corners: no room left, more nodes than tasks. */
static void tasks_are_laid_out_as_slurm_does(void **state)
{
    static const struct row rows[] = {
        { "", 4, { 2, 2, 2 }, 3, "0,1 | 2 | 3" },
        { "block", 4, { 2, 2, 2 }, 3, "0,1 | 2 | 3" },
        { "cyclic", 4, { 2, 2, 2 }, 3, "0,3 | 1 | 2" },
        { "cyclic:cyclic", 5, { 1, 4, 4 }, 3, "0 | 1,3 | 2,4" },
        { "plane=4", 12, { 9, 9 }, 2, "0,1,2,3,8,9,10,11 | 4,5,6,7" },
        { "block,Pack", 5, { 4, 4, 4 }, 3, "0,1,2 | 3 | 4" },
        { "block,Pack", 5, { 4, 4 }, 2, "0,1,2,3 | 4" },
        { "block", 16, { 4, 4, 4, 4 }, 4, "0,1,2,3 | 4,5,6,7 | 8,9,10,11 | 12,13,14,15" },
        { "block", 5, { 1, 1 }, 2, "0,1,2 | 3,4" },
        { "block", 1, { 4 }, 1, "0" },
    };
    struct arena a = { 0 };
    char got[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct layout l = { .room = rows[i].room,
                                  .nodes = rows[i].nodes,
                                  .ntasks = rows[i].ntasks,
                                  .distribution = rows[i].distribution };
        text_of(layout_tasks(&l, &a), l.nodes, got, sizeof got);
        assert_string_equal(got, rows[i].want);
    }
    arena_fini(&a);
}

static void arbitrary_follows_the_list(void **state)
{
    static const uint32_t order[] = { 1, 0, 1 }, room[] = { 1, 1 };
    const struct layout l = {
        .room = room, .nodes = 2, .ntasks = 3, .distribution = "arbitrary", .order = order
    };
    struct arena a = { 0 };
    char got[64];

    text_of(layout_tasks(&l, &a), 2, got, sizeof got);
    assert_string_equal(got, "1 | 0,2");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_laid_out_as_slurm_does),
        cmocka_unit_test(arbitrary_follows_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
