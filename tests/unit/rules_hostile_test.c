/* Every text that a rule may hold, with everything that people put into databases: it comes back as
 * it was, or it was refused; nothing else changes. */
#include "base/cleanup.h"
#include "slurmdbd/change.h"
#include "slurmdbd/list.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store_fix.h"

#define STRINGS 500u

static const char *const seeds[] = {
    "'",
    "\"",
    "`",
    "\\",
    ";",
    "--",
    "/*",
    "*/",
    "#",
    "%",
    "_",
    "%s",
    "%n",
    "\x01",
    "\n",
    "\r\n",
    "\t",
    "\x1f",
    "\x7f",
    "'; DROP TABLE rule_user; --",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "\\'",
    "');--",
    "1; SELECT 1",
    "UNION SELECT",
    "x' AND 1=(SELECT COUNT(*) FROM t); --",
    "\xc3\xa9\xe2\x82\xac",
    "\xff\xfe",
    "NULL",
    "null",
    "0x41",
    "${HOME}",
    "$(id)",
    "|",
    "a|b",
    ",",
    "a,b",
    "=",
    "a=b",
    ":",
    "a:b",
    "+x",
    "-x",
    "..",
    "../../etc/passwd",
    "<script>",
    "&amp;",
    " lead",
    "trail ",
    "-1",
    "",
};
#define SEEDS (sizeof seeds / sizeof *seeds)

static const char *string_of(unsigned i, struct arena *a)
{
    const char *one = seeds[i % SEEDS], *two = seeds[(i / SEEDS) % SEEDS];

    return i < SEEDS ? one : arena_printf(a, "%s%u%s", one, i, two);
}

/* Where a hostile text goes: entity, verb, what stands around it, and the key it is the value of.
 */
static const struct {
    const char *entity, *verb, *key;
    bool in_set;
    struct key_value fixed;
} fields[] = {
    { "account", "add", "Names", false, { "Description", "x", "" } },
    { "account", "add", "Description", false, { "Names", "fresh", "" } },
    { "account", "add", "Organization", false, { "Names", "fresh", "" } },
    { "account", "modify", "Description", true, { "Names", "physics", "" } },
    { "account", "modify", "Comment", true, { "Names", "physics", "" } },
    { "account", "modify", "GrpTRES", true, { "Names", "physics", "" } },
    { "account", "modify", "MaxWall", true, { "Names", "physics", "" } },
    { "account", "modify", "QOS", true, { "Names", "physics", "" } },
    { "account", "delete", "Names", false, { "Clusters", "c", "" } },
    { "user", "add", "Names", false, { "Accounts", "physics", "" } },
    { "user", "add", "Partition", false, { "Names", "joe", "" } },
    { "user", "add", "WCKeys", false, { "Names", "joe", "" } },
    { "user", "modify", "NewName", true, { "Names", "joe", "" } },
    { "user", "modify", "AdminLevel", true, { "Names", "joe", "" } },
    { "qos", "add", "Names", false, { "Priority", "3", "" } },
    { "qos", "modify", "Description", true, { "Names", "normal", "" } },
    { "qos", "modify", "Flags", true, { "Names", "normal", "" } },
    { "qos", "modify", "Preempt", true, { "Names", "normal", "" } },
    { "cluster", "add", "Names", false, { "Classification", "x", "" } },
    { "resource", "add", "Names", false, { "Count", "3", "" } },
    { "coordinator", "add", "Names", false, { "Accounts", "physics", "" } },
};
#define FIELDS (sizeof fields / sizeof *fields)

static const struct caller root = { "root", ROLE_SLURM };

struct fix {
    struct store_fix at;
    struct store *store;
    struct book book;
};

static int carry_out(struct fix *f, const struct rule_change *w, struct arena *a)
{
    struct rule_changed did = { .note = "" };
    struct err e = { 0 };
    struct plan p;
    int r;

    plan_init(&p, &f->book, a);
    r = change_decide(&p, &root, w, &did, &e);
    if (r == 0 && store_save_plan(f->store, &p, f->book.version + 1, &e) < 0)
        fail_msg("%s", e.text);
    if (r == 0 && store_commit(f->store, &e) < 0)
        fail_msg("%s", e.text);
    for (unsigned i = 0; i < p.n && r == 0; i++)
        book_put(&f->book, p.v[i].kind, p.v[i].msg, f->book.version + (i == 0));
    if (r < 0)
        assert_true(*e.text);
    plan_fini(&p);
    return r;
}

static void must(struct fix *f, const char *entity, const char *name, const char *key,
                 const char *value)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    struct key_value kv[] = { { "Names", name, "" }, { key, value, "" } };

    assert_int_equal(carry_out(f,
                               &(struct rule_change){
                                   .entity = entity, .verb = "add", .where = { kv, key ? 2 : 1 } },
                               &a),
                     0);
}

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    struct err e = { 0 };

    store_fix_make(&f->at);
    if (store_open(&f->at.place, &f->store, &e) < 0)
        fail_msg("%s", e.text);
    book_put(&f->book, RULE_ACCOUNT,
             &(struct rule_account){ .name = "root", .description = "", .organization = "" }, 1);
    must(f, "qos", "normal", NULL, NULL);
    must(f, "cluster", "c", NULL, NULL);
    must(f, "account", "physics", NULL, NULL);
    must(f, "user", "joe", "Accounts", "physics");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    store_close(f->store);
    store_fix_remove(&f->at);
    book_fini(&f->book);
    free(f);
    return 0;
}

static void same_on_disk(struct fix *f)
{
    struct book loaded = { .version = 0 };
    struct err e = { 0 };

    if (store_load_book(f->store, &loaded, &e) < 0)
        fail_msg("%s", e.text);
    for (unsigned k = 0; k < RULE_KINDS; k++)
        for (uint32_t i = 0; i < f->book.of[k].n; i++) {
            CLEANUP(arena_fini) struct arena a = { 0 };
            const void *row = f->book.of[k].v[i].msg;
            const void *on_disk = book_find(&loaded, k, book_key(k, row, &a));

            if (k == RULE_ACCOUNT && !on_disk)
                continue; /* root of this test was not saved */
            assert_non_null(on_disk);
            assert_true(wire_equal(rule_tables[k].desc, row, on_disk));
        }
    book_fini(&loaded);
}

/* No text of the book holds a control character, and names no separators. */
static void is_clean(const struct book *b)
{
    for (unsigned k = 0; k < RULE_KINDS; k++)
        for (uint32_t i = 0; i < b->of[k].n; i++)
            for (unsigned m = 0; m < rule_tables[k].desc->count; m++) {
                const struct field *field = &rule_tables[k].desc->fields()[m];
                const char *text = "";

                if (field->kind == KIND_STR)
                    text = *(const char *const *)((const char *)b->of[k].v[i].msg + field->offset);
                for (const char *p = text; *p; p++)
                    assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
            }
}

static void every_field_takes_or_refuses(void **state)
{
    struct fix *f = *state;
    unsigned taken = 0;

    for (unsigned i = 0; i < STRINGS * FIELDS; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        unsigned n = i % FIELDS;
        struct key_value hostile = { fields[n].key, string_of(i / FIELDS, &a), "" };
        struct key_value where[] = { fields[n].fixed, hostile };
        struct rule_change w = { .entity = fields[n].entity,
                                 .verb = fields[n].verb,
                                 .where = { where, fields[n].in_set ? 1 : 2 },
                                 .set = { &hostile, fields[n].in_set } };

        taken += carry_out(f, &w, &a) == 0;
    }
    assert_true(taken > 20); /* some are harmless */
    is_clean(&f->book);
    same_on_disk(f);
}

/* The same strings as questions: nobody is hurt. */
static void every_question_is_answered(void **state)
{
    struct fix *f = *state;
    static const char *const entities[] = { "account", "user", "association", "cluster",
                                            "qos",     "tres", "wckey",       "resource" };

    for (unsigned i = 0; i < STRINGS; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        struct key_value where = { "Names", string_of(i, &a), "" };
        struct rule_query q = { .entity = entities[i % 8], .where = { &where, 1 } };
        struct privacy open = { 0 };
        struct rule_book ret = { 0 };
        struct err e = { 0 };
        struct plan p;

        plan_init(&p, &f->book, &a);
        list_decide(&p, &root, &open, &q, &ret, &e);
        plan_fini(&p);
    }
}

/* Names and comments of jobs are the users' own: they come back byte for byte, and find only
 * themselves. */
static void job_texts_come_back(void **state)
{
    struct fix *f = *state;
    struct acct_register reg = {
        .cluster = "c", .instance = 7, .host = "h", .tres = "", .nodes = ""
    };
    struct err e = { 0 };
    uint64_t seq;

    assert_int_equal(store_register(f->store, &reg, &seq, &e), 0);
    for (unsigned i = 0; i < STRINGS; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        const char *text = string_of(i, &a);
        struct acct_job job = { .db_id = i + 1,
                                .job_id = i + 1,
                                .name = text,
                                .comment = text,
                                .account = text,
                                .user = text,
                                .submit = 1 };
        struct acct_event ev = { .seq = i + 1, .job = &job };
        struct acct_events batch = { .cluster = "c", .instance = 7, .events = { &ev, 1 } };
        struct acct_query q = { .names = { &text, 1 }, .accounts = { &text, 1 }, .nodes = "" };
        struct acct_records got;
        bool found = false;

        if (store_apply(f->store, &batch, &seq, &e) < 0 || store_commit(f->store, &e) < 0 ||
            store_query(f->store, &q, 1000, &a, &got, &e) < 0)
            fail_msg("%s", e.text);
        for (uint32_t k = 0; k < got.records.n; k++) {
            assert_string_equal(got.records.v[k].job->name, text);
            assert_string_equal(got.records.v[k].job->comment, text);
            found |= got.records.v[k].job->job_id == i + 1;
        }
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_takes_or_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(every_question_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(job_texts_come_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
