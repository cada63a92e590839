/* The rule book: what a wish makes of it, who may wish it, and what controllers hear. */
#include "base/cleanup.h"
#include "slurmdbd/change.h"
#include "slurmdbd/inherit.h"
#include "slurmdbd/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fix {
    struct book book;
    struct arena arena;
    struct rule_changed did;
    struct err e;
};

static const struct caller root = { "root", ROLE_SLURM };

/* "user add names=joe accounts=a | MaxJobs=3": words before the bar are `where`. */
static int wish(struct fix *f, const struct caller *who, const char *text)
{
    struct key_value where[16], set[16];
    struct rule_change w = { .where = { where, 0 }, .set = { set, 0 } };
    char *copy = arena_strdup(&f->arena, text), *save = NULL;
    bool in_set = false;
    struct plan p;
    int r;

    w.entity = strtok_r(copy, " ", &save);
    w.verb = strtok_r(NULL, " ", &save);
    for (char *word; (word = strtok_r(NULL, " ", &save));) {
        char *equals = strchr(word, '=');
        struct key_value kv = { word, equals ? equals + 1 : "", "" };

        if (strcmp(word, "|") == 0) {
            in_set = true;
            continue;
        }
        *equals = 0;
        if (strchr("+-", equals[-1])) {
            kv.op = equals[-1] == '+' ? "+" : "-";
            equals[-1] = 0;
        }
        if (in_set)
            set[w.set.n++] = kv;
        else
            where[w.where.n++] = kv;
    }
    f->did = (struct rule_changed){ .note = "" };
    f->e = (struct err){ 0 };
    plan_init(&p, &f->book, &f->arena);
    r = change_decide(&p, who, &w, &f->did, &f->e);
    for (unsigned i = 0; i < p.n && r == 0; i++)
        book_put(&f->book, p.v[i].kind, p.v[i].msg, f->book.version + (i == 0));
    plan_fini(&p);
    return r;
}

static void must(struct fix *f, const char *text)
{
    if (wish(f, &root, text) < 0)
        fail_msg("%s: %s", text, f->e.text);
}

static int setup(void **state)
{
    static const char *const rows[] = {
        "qos add names=normal",
        "cluster add names=c",
        "qos add names=high,low",
        "account add names=physics",
        "account add names=a,b parent=physics",
        "user add names=joe accounts=a",
        "user add names=ann accounts=physics",
    };
    struct fix *f = calloc(1, sizeof *f);

    book_put(&f->book, RULE_ACCOUNT,
             &(struct rule_account){ .name = "root", .description = "", .organization = "" }, 1);
    for (unsigned i = 0; i < 8; i++) {
        static const char *const types[] = { "cpu",     "mem", "energy", "node",
                                             "billing", "fs",  "vmem",   "pages" };
        book_put(&f->book, RULE_TRES,
                 &(struct rule_tres){ .id = i + 1, .type = types[i], .name = "" }, 1);
    }
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        must(f, rows[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    book_fini(&f->book);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static const struct rule_assoc *assoc(struct fix *f, const char *account, const char *user)
{
    const struct rule_assoc *a =
        book_find(&f->book, RULE_ASSOC, KEY_OF(&f->arena, "c", account, user, ""));

    return a && !a->is_deleted ? a : NULL;
}

static struct rule_assoc *effective(struct fix *f, const char *account, const char *user)
{
    struct plan p;
    struct rule_assoc *a;

    plan_init(&p, &f->book, &f->arena);
    a = assoc_effective(&p, assoc(f, account, user));
    plan_fini(&p);
    return a;
}

static void a_tree_with_limits(void **state)
{
    struct fix *f = *state;

    assert_int_equal(assoc(f, "a", "")->parent, assoc(f, "physics", "")->id);
    assert_int_equal(assoc(f, "a", "joe")->parent, assoc(f, "a", "")->id);
    assert_true(assoc(f, "a", "joe")->is_default);
    must(f, "account modify names=physics | MaxWall=1-00:00:00 MaxTRES=cpu=4,gres/gpu=2 GrpJobs=5");
    must(f, "account modify names=a | MaxTRES=cpu=8");
    assert_int_equal(effective(f, "a", "joe")->limits->max_wall_min.v, 1440);
    assert_string_equal(effective(f, "a", "joe")->limits->max_tres, "cpu=8,gres/gpu=2");
    assert_false(effective(f, "a", "joe")->limits->grp_jobs.set);
    must(f, "account modify names=a | MaxTRES=cpu=-1");
    assert_string_equal(effective(f, "a", "joe")->limits->max_tres, "cpu=4,gres/gpu=2");
    must(f, "account modify names=physics | GrpTRES=mem=10G,cpu=3");
    assert_string_equal(assoc(f, "physics", "")->limits->grp_tres, "cpu=3,mem=10240");
}

static void qos_lists_replace_or_build_on_the_parents(void **state)
{
    struct fix *f = *state;

    assert_string_equal(effective(f, "a", "joe")->qos.v[0], "normal");
    must(f, "user modify names=joe | QOS+=high");
    assert_int_equal(effective(f, "a", "joe")->qos.n, 2);
    must(f, "account modify names=physics | QOS=low");
    assert_int_equal(effective(f, "a", "joe")->qos.n, 2);
    assert_string_equal(effective(f, "a", "joe")->qos.v[0], "high");
    assert_string_equal(effective(f, "a", "joe")->qos.v[1], "low");
    assert_true(wish(f, &root, "user modify names=joe | QOS+=nosuch") < 0);
    must(f, "qos delete names=high");
    assert_int_equal(effective(f, "a", "joe")->qos.n, 1);
    must(f, "qos add names=x preempt=low");
    assert_true(wish(f, &root, "qos modify names=low | preempt=x") < 0);
    assert_non_null(strstr(f->e.text, "loop"));
}

static void deleted_rows_come_back_with_their_id(void **state)
{
    struct fix *f = *state;
    uint32_t id = assoc(f, "a", "joe")->id;

    must(f, "user delete names=joe");
    assert_null(assoc(f, "a", "joe"));
    must(f, "user add names=joe accounts=a");
    assert_int_equal(assoc(f, "a", "joe")->id, id);
    must(f, "account delete names=physics");
    assert_null(assoc(f, "a", "joe"));
    assert_null(assoc(f, "b", ""));
    assert_true(wish(f, &root, "account delete names=physics") < 0);
}

static void refusals_leave_nothing(void **state)
{
    struct fix *f = *state;
    uint64_t version = f->book.version;
    static const char *const bad[] = {
        "user add names=zed accounts=nosuch",
        "user add names=zed",
        "user add names=zed,a'b accounts=a",
        "account add names=x|y",
        "account add names=new parent=nosuch",
        "user modify names=joe | MaxJobs=x",
        "user modify names=joe | MaxJobs=-5",
        "user modify names=joe | NoSuch=3",
        "user modify nosuch=joe | MaxJobs=3",
        "user modify names=joe",
        "account modify names=physics | parent=a",
        "account modify names=root | parent=a",
        "user modify names=joe | defaultaccount=b",
        "user delete names=joe accounts=a x=y",
        "cluster add names=c",
        "user add names=joe accounts=a",
        "user modify names=joe | MaxTRES=nosuch=3",
        "user modify names=joe | MaxTRES=cpu",
        "qos modify names=high | MaxWall=x",
        "resource add names=r count=0 clusters=c",
    };

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (wish(f, &root, bad[i]) == 0)
            fail_msg("%s was done", bad[i]);
        assert_true(*f->e.text);
    }
    assert_int_equal(f->book.version, version);
}

/* Each row: who, what, whether he may.  ann coordinates physics, bob is an operator, joe nobody. */
static void the_table_of_rights(void **state)
{
    struct fix *f = *state;
    static const struct {
        const char *who;
        enum role role;
        const char *what;
        bool may;
    } rows[] = {
        { "joe", ROLE_ANY, "user modify names=joe | MaxJobs=100", false },
        { "joe", ROLE_ANY, "user add names=x accounts=a", false },
        { "joe", ROLE_ANY, "user modify names=joe | adminlevel=Administrator", false },
        { "joe", ROLE_ANY, "qos modify names=normal | priority=100", false },
        { "ann", ROLE_ANY, "user modify names=joe | MaxJobs=7", true },
        { "ann", ROLE_ANY, "user add names=new accounts=b MaxJobs=2", true },
        { "ann", ROLE_ANY, "account add names=c2 parent=a", true },
        { "ann", ROLE_ANY, "account add names=c3", false },
        { "ann", ROLE_ANY, "account modify names=physics | GrpJobs=1000", false },
        { "ann", ROLE_ANY, "account modify names=a | GrpJobs=10", true },
        { "ann", ROLE_ANY, "account modify names=a | parent=root", false },
        { "ann", ROLE_ANY, "user modify names=ann | MaxJobs=1000", false },
        { "ann", ROLE_ANY, "user modify names=ann | adminlevel=Operator", false },
        { "ann", ROLE_ANY, "user add names=y accounts=a adminlevel=Operator", false },
        { "ann", ROLE_ANY, "user modify names=joe | QOS+=high", false },
        { "ann", ROLE_ANY, "user modify names=joe | defaultqos=high", false },
        { "ann", ROLE_ANY, "user modify names=joe | QOS-=normal", true },
        { "ann", ROLE_ANY, "coordinator add users=joe accounts=a", false },
        { "ann", ROLE_ANY, "coordinator add users=joe accounts=physics", true },
        { "ann", ROLE_ANY, "coordinator add users=ann accounts=root", false },
        { "ann", ROLE_ANY, "cluster modify names=c | MaxJobs=3", false },
        { "ann", ROLE_ANY, "user delete names=joe", false },
        { "ann", ROLE_ANY, "user delete names=new accounts=b", true },
        { "bob", ROLE_OPERATOR, "account add names=c4", true },
        { "bob", ROLE_OPERATOR, "user modify names=joe | adminlevel=Operator", true },
        { "bob", ROLE_OPERATOR, "user modify names=joe | adminlevel=Administrator", false },
        { "bob", ROLE_OPERATOR, "cluster add names=c5", false },
        { "bob", ROLE_OPERATOR, "qos add names=q5", true },
        { "eva", ROLE_ADMIN, "cluster add names=c5", true },
        { "eva", ROLE_ADMIN, "user modify names=joe | adminlevel=Administrator", true },
        { "bob", ROLE_OPERATOR, "user modify names=joe | adminlevel=None", false },
    };

    must(f, "coordinator add users=ann accounts=physics");
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct caller who = { rows[i].who, rows[i].role };

        if ((wish(f, &who, rows[i].what) == 0) != rows[i].may)
            fail_msg("%s: %s: %s", rows[i].who, rows[i].what, f->e.text);
    }
}

static void controllers_hear_all_or_what_changed(void **state)
{
    struct fix *f = *state;
    struct rules r;
    uint64_t version = f->book.version;

    rules_for(&f->book, "c", 0, &f->arena, &r);
    assert_true(r.is_whole);
    assert_int_equal(r.assocs.n, 7); /* root, root's user, physics, a, b, joe, ann */
    assert_int_equal(r.assocs.v[0].parent, 0);
    assert_int_equal(r.qos.n, 3);
    must(f, "user modify names=joe | QOS+=high");
    rules_for(&f->book, "c", version, &f->arena, &r);
    assert_false(r.is_whole);
    assert_int_equal(r.assocs.n, 1);
    assert_int_equal(r.assocs.v[0].qos.n, 2);
    version = f->book.version;
    must(f, "account modify names=physics | QOS=low"); /* joe's list builds on it */
    rules_for(&f->book, "c", version, &f->arena, &r);
    assert_int_equal(r.assocs.n, 2);
    version = f->book.version;
    must(f, "user delete names=joe");
    rules_for(&f->book, "c", version, &f->arena, &r);
    assert_int_equal(r.assocs.n, 1);
    assert_true(r.assocs.v[0].is_deleted);
    rules_for(&f->book, "c", f->book.version + 5, &f->arena, &r);
    assert_true(r.is_whole);
    rules_for(&f->book, "other", 0, &f->arena, &r);
    assert_int_equal(r.assocs.n, 0);
}

static void resources_are_given_once(void **state)
{
    struct fix *f = *state;

    must(f, "cluster add names=d");
    must(f, "resource add names=fluent server=flex count=100 clusters=c percentallowed=60");
    assert_true(wish(f, &root, "resource add names=fluent server=flex clusters=d allowed=50") < 0);
    must(f, "resource add names=fluent server=flex clusters=d allowed=40");
    must(f, "resource delete names=fluent server=flex clusters=c");
    must(f, "resource modify names=fluent clusters=d | allowed=100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_with_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(qos_lists_replace_or_build_on_the_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_rows_come_back_with_their_id, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_of_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(controllers_hear_all_or_what_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(resources_are_given_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
