/* A store of its own for each test: a SQLite file, or a database of the MariaDB whose socket
 * STORE_TEST_MYSQL names (tests/cluster/test_mariadb.py). */
#ifndef TESTS_STORE_FIX_H
#define TESTS_STORE_FIX_H

#include "slurmdbd/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_fix {
    char dir[64], path[96], name[64];
    struct sql_place place;
};

static inline void store_fix_make(struct store_fix *f)
{
    snprintf(f->dir, sizeof f->dir, "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/acct.db", f->dir);
    snprintf(f->name, sizeof f->name, "t_%d_%.6s", (int)getpid(),
             &f->dir[sizeof "/tmp/store-test-" - 1]);
    f->place = (struct sql_place){ .name = f->path };
    if (getenv("STORE_TEST_MYSQL"))
        f->place = (struct sql_place){
            .host = getenv("STORE_TEST_MYSQL"), .user = "root", .password = "", .name = f->name
        };
}

static inline void store_fix_remove(struct store_fix *f)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[128];

    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", f->path, ends[i]);
        unlink(name);
    }
    rmdir(f->dir);
}

#endif
