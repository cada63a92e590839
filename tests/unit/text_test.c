/* The printing machine: formats in three spellings, cutting, fitting, records. */
#include "test.h"

#include "wire/text.h"

#include <errno.h>

struct animal {
    uint32_t legs;
    const char *name;
    struct opt_u32 age;
    uint64_t mb;
};

#define ROW(name, letter, heading, member, printer, none)                                   \
    {                                                                                       \
        name, letter, heading, 20, TEXT_LEFT, TEXT_DIRECT, offsetof(struct animal, member), \
            TEXT_KIND(animal, member), print_##printer, none, ""                            \
    }
static const struct text_column columns[] = {
    ROW("legs", 'l', "LEGS", legs, value, NULL),
    ROW("name", 'n', "NAME", name, value, "(null)"),
    ROW("age", 'a', "AGE", age, value, "N/A"),
    ROW("size", 'm', "SIZE", mb, size_mb, NULL),
};
static const struct text_table table = { "animal", columns, 4 };
static const struct text_env env = { .now = 1000 };
static const struct animal cat = { 4, "cat", { true, 7 }, 4096 };
static const struct animal nobody = { 0, "", { false, 0 }, 4000 };

typedef void (*parser)(const struct text_table *, const char *, struct arena *,
                       struct text_format *);

/* Header and one row as text. */
static void expect(parser parse, const char *spec, const struct animal *row, const char *want)
{
    struct arena a = { 0 };
    struct text_format f;
    struct buf out = { 0 };

    parse(&table, spec, &a, &f);
    text_fit(&f, row, &env);
    text_header(&f, &out);
    text_row(&f, row, &env, &out);
    assert_string_equal(buf_str(&out), want);
    buf_fini(&out);
    arena_fini(&a);
}

static void letters_keep_what_is_between(void **state)
{
    expect(text_letters, "%n %l", &cat, "NAME LEGS\ncat 4\n");
    expect(text_letters, " %n|%a", &nobody, " NAME|AGE\n (null)|N/A\n");
    expect(text_letters, "RS%lUS%nUS", &cat, "RSLEGSUSNAMEUS\nRS4UScatUS\n");
    expect(text_letters, "{\"n\": \"%n\"}", &cat, "{\"n\": \"NAME\"}\n{\"n\": \"cat\"}\n");
    expect(text_letters, "%n\x1f%l\x1e", &cat,
           "NAME\x1fLEGS\x1e\ncat\x1f"
           "4\x1e\n");
    expect(text_letters, "%l%%|", &cat, "LEGS%|\n4%|\n");
}

static void widths_pad_and_cut(void **state)
{
    expect(text_letters, "%.6n|%6n|%2n|%.2n|%0n", &cat,
           "  NAME|NAME  |NA|NA|NAME\n   cat|cat   |ca|ca|cat\n");
    expect(text_letters, "%#n|", &cat, "NAM|\ncat|\n");
}

static void names_take_a_width_and_a_suffix(void **state)
{
    expect(text_names, "legs:3,NAME:.5", &cat, "LEG NAME\n4    cat\n");
    expect(text_names, "name:|,legs:6|", &cat, "NAME|LEGS  |\ncat|4     |\n");
    expect(text_names, "name", &cat, "NAME                \ncat                 \n");
    expect(text_names, "name:\x1f,legs:\x1f", &cat,
           "NAME\x1fLEGS\x1f\ncat\x1f"
           "4\x1f\n");
}

static void fields_mark_what_was_cut(void **state)
{
    expect(text_fields, "name%-6,legs%3", &cat, "NAME   LEG \ncat      4 \n");
    expect(text_fields, "name%2", &cat, "NA \nc+ \n");
}

static void unknown_columns_are_told(void **state)
{
    struct arena a = { 0 };
    struct text_format f;

    text_letters(&table, "%l %?x%n", &a, &f);
    assert_int_equal(f.bad.n, 1);
    assert_string_equal(f.bad.v[0], "?");
    assert_int_equal(f.n, 2);
    text_names(&table, "legs,tail:3,name", &a, &f);
    assert_int_equal(f.bad.n, 1);
    assert_string_equal(f.bad.v[0], "tail");
    assert_int_equal(f.n, 2);
    text_letters(&table, "%", &a, &f);
    assert_int_equal(f.n, 0);
    arena_fini(&a);
}

static void sizes_grow_only_when_nothing_is_lost(void **state)
{
    struct text_env as_is = { .noconvert = true }, giga = { .unit = 'G' };
    struct buf out = { 0 };

    text_size(4096, 'M', &env, &out);
    buf_putc(&out, ' ');
    text_size(4000, 'M', &env, &out);
    buf_putc(&out, ' ');
    text_size(0, 'M', &env, &out);
    buf_putc(&out, ' ');
    text_size(2048, 'M', &as_is, &out);
    buf_putc(&out, ' ');
    text_size(1536, 'M', &giga, &out);
    assert_string_equal(buf_str(&out), "4G 4000M 0 2048M 1.50G");
    buf_fini(&out);
}

#define KEY(key, member, printer, none) ROW(key, 0, key, member, printer, none)
#define LINE(end)                                                                       \
    {                                                                                   \
        end, 0, "\n", 0, TEXT_LEFT, TEXT_DIRECT, 0, KIND_BYTES, print_nothing, NULL, "" \
    }

static void records_leave_out_what_is_absent(void **state)
{
    static const struct text_column rows[] = {
        KEY("Name", name, value, "(null)"),
        KEY("Legs", legs, value, text_skip),
        LINE(" "),
        KEY("Age", age, value, text_skip),
        LINE(""),
        KEY("Size", mb, size_mb, NULL),
    };
    static const struct text_table record = { "animal", rows, 6 };
    struct text_env one_line = { .one_line = true };
    struct buf out = { 0 };

    text_record(&record, &cat, &env, &out);
    assert_string_equal(buf_str(&out), "Name=cat Legs=4 \n   Age=7\n   Size=4G");
    buf_reset(&out);
    text_record(&record, &nobody, &env, &out);
    assert_string_equal(buf_str(&out), "Name=(null) \n   Size=4000M");
    buf_reset(&out);
    text_record(&record, &nobody, &one_line, &out);
    assert_string_equal(buf_str(&out), "Name=(null)  Size=4000M");
    buf_fini(&out);
}

static void settings_have_operators(void **state)
{
    struct arena a = { 0 };
    struct key_value kv;

    assert_int_equal(text_key_value("TimeLimit+=5", &a, &kv), 0);
    assert_string_equal(kv.key, "TimeLimit");
    assert_string_equal(kv.op, "+");
    assert_string_equal(kv.value, "5");
    assert_int_equal(text_key_value("Comment=a=b", &a, &kv), 0);
    assert_string_equal(kv.key, "Comment");
    assert_string_equal(kv.value, "a=b");
    assert_int_equal(text_key_value("Nice", &a, &kv), -EINVAL);
    assert_int_equal(text_key_value("=5", &a, &kv), -EINVAL);
    arena_fini(&a);
}

int main(void)
{
    return RUN(T(letters_keep_what_is_between), T(widths_pad_and_cut),
               T(names_take_a_width_and_a_suffix), T(fields_mark_what_was_cut),
               T(unknown_columns_are_told), T(sizes_grow_only_when_nothing_is_lost),
               T(records_leave_out_what_is_absent), T(settings_have_operators));
}
