/* What every unit test includes before cmocka.h will compile. */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs the test functions named; the value is main's. */
#define RUN(...)                                            \
    ({                                                      \
        const struct CMUnitTest tests_[] = { __VA_ARGS__ }; \
        cmocka_run_group_tests(tests_, NULL, NULL);         \
    })
#define T(function) cmocka_unit_test(function)

#endif
