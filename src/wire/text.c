/* Formats and records as text.  A format is parsed once into slots; printing is then one loop over
 * them. Widths count bytes, as Slurm's do: scripts cut by column. */
#include "wire/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char text_skip[] = "";

const struct text_column *text_find(const struct text_table *t, const char *name)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcasecmp(t->v[i].name, name) == 0)
            return &t->v[i];
    return NULL;
}

const struct text_column *text_find_letter(const struct text_table *t, char letter)
{
    for (unsigned i = 0; i < t->n; i++)
        if (letter && t->v[i].letter == letter)
            return &t->v[i];
    return NULL;
}

void text_cell_print(const struct text_column *c, const void *row, const struct text_env *env,
                     struct buf *out)
{
    const char *base = row;

    if (c->through != TEXT_DIRECT)
        base = *(const char *const *)(const void *)(base + c->through);

    struct text_cell cell = { row, base ? base + c->offset : NULL, c->kind, env };

    if (text_absent(cell.kind, cell.at) && (c->none || !cell.at))
        buf_puts(out, c->none ? c->none : "");
    else
        c->print(&cell, out);
}

/* ---- parsing formats */

static struct text_slot *slot_add(struct text_format *f, struct arena *a)
{
    struct text_slot *v = arena_calloc(a, f->n + 1u, sizeof *v);

    if (f->n)
        memcpy(v, f->v, f->n * sizeof *v);
    f->v = v;
    v[f->n] = (struct text_slot){ .after = "" };
    return &v[f->n++];
}

static void bad_add(struct text_format *f, struct arena *a, const char *what)
{
    const char **v = arena_calloc(a, f->bad.n + 1u, sizeof *v);

    if (f->bad.n)
        memcpy(v, f->bad.v, f->bad.n * sizeof *v);
    f->bad.v = v;
    v[f->bad.n++] = what;
}

/* Literal text goes behind the last slot, or in front of everything. */
static void literal_add(struct text_format *f, struct arena *a, const char *text, size_t len)
{
    const char **where = f->n ? &f->v[f->n - 1].after : &f->before;

    *where = arena_printf(a, "%s%.*s", *where ? *where : "", (int)len, text);
}

/* "[#][.]digits" in front of a letter or suffix; returns what follows. */
static const char *width_parse(const char *s, struct text_slot *ret)
{
    char *end;

    for (; *s == '#' || *s == '.'; s++) {
        ret->fit |= *s == '#';
        ret->right |= *s == '.';
    }
    if (!isdigit((unsigned char)*s))
        return s;
    long width = strtol(s, &end, 10);
    ret->width = width > 65535 ? 65535 : (int)width;
    return end;
}

static void all_letters(const struct text_table *t, struct arena *a, struct text_format *f)
{
    static const char order[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (const char *c = order; *c; c++) {
        const struct text_column *column = text_find_letter(t, *c);

        if (!column)
            continue;
        if (f->n)
            literal_add(f, a, "|", 1);
        slot_add(f, a)->column = column;
    }
}

/* One "%..." that starts at s; returns the end of what it used. */
static const char *letter_parse(const struct text_table *t, const char *s, struct arena *a,
                                struct text_format *f)
{
    struct text_slot slot = { .after = "" };

    if (strncasecmp(s, "%all", 4) == 0) {
        all_letters(t, a, f);
        return s + 4;
    }

    if (s[1] == '%') {
        literal_add(f, a, s, 1);
        return s + 2;
    }

    const char *letter = width_parse(s + 1, &slot);
    const char *end = *letter ? letter + 1 : letter;

    slot.column = text_find_letter(t, *letter);
    if (slot.column)
        *slot_add(f, a) = slot;
    else {
        bad_add(f, a, arena_strndup(a, letter, 1));
        literal_add(f, a, s, (size_t)(end - s));
    }
    return end;
}

void text_letters(const struct text_table *t, const char *spec, struct arena *a,
                  struct text_format *ret)
{
    *ret = (struct text_format){ .before = "" };
    while (*spec) {
        size_t plain = strcspn(spec, "%");

        literal_add(ret, a, spec, plain);
        spec += plain;
        if (*spec)
            spec = letter_parse(t, spec, a, ret);
    }
}

/* Cuts the next word off a list; NULL at the end.  `separators` as strcspn takes them. */
static const char *next_word(const char **list, const char *separators, struct arena *a)
{
    *list += strspn(*list, separators);
    if (!**list)
        return NULL;

    size_t len = strcspn(*list, separators);
    const char *word = arena_strndup(a, *list, len);

    *list += len;
    return word;
}

/* "name:[.]width[suffix]".  A suffix without a width means no padding at all. */
void text_names(const struct text_table *t, const char *spec, struct arena *a,
                struct text_format *ret)
{
    const char *word;

    *ret = (struct text_format){ .before = "" };
    while ((word = next_word(&spec, ",", a))) {
        const char *colon = strchr(word, ':');
        const char *name = colon ? arena_strndup(a, word, (size_t)(colon - word)) : word;
        struct text_slot slot = { .column = text_find(t, name), .after = "" };

        if (!slot.column) {
            bad_add(ret, a, name);
            continue;
        }
        if (colon)
            slot.after = width_parse(colon + 1, &slot);
        else
            slot.width = slot.column->width;
        if (colon && !slot.width && !*slot.after)
            slot.width = slot.column->width;
        *slot_add(ret, a) = slot;
    }
}

/* "name[%[-]width]"; unabbreviated names match without case. */
void text_fields(const struct text_table *t, const char *spec, struct arena *a,
                 struct text_format *ret)
{
    const char *word;

    *ret = (struct text_format){ .before = "", .cut_mark = '+' };
    while ((word = next_word(&spec, ", ", a))) {
        const char *percent = strchr(word, '%');
        const char *name = percent ? arena_strndup(a, word, (size_t)(percent - word)) : word;
        const struct text_column *c = text_find(t, name);

        if (!c) {
            bad_add(ret, a, name);
            continue;
        }
        int width = percent ? atoi(percent + 1) : 0;
        bool left = percent && percent[1] == '-';

        *slot_add(ret, a) = (struct text_slot){
            .column = c,
            .width = width ? abs(width) : c->width,
            .right = !left && (width || c->align == TEXT_RIGHT),
            .after = " ",
        };
    }
}

/* ---- printing rows */

/* Pads or cuts one value that was appended to out from `start` on. */
static void shape(const struct text_format *f, const struct text_slot *s, size_t start,
                  struct buf *out)
{
    size_t len = out->len - start, width = (size_t)s->width;

    if (!width)
        return;
    if (len > width) {
        out->len = start + width;
        if (f->cut_mark)
            out->data[out->len - 1] = (uint8_t)f->cut_mark;
        return;
    }

    size_t pad = width - len;

    buf_reserve(out, pad + 1);
    if (s->right)
        memmove(out->data + start + pad, out->data + start, len);
    memset(out->data + start + (s->right ? 0 : len), ' ', pad);
    out->len += pad;
}

static bool is_kept(const struct text_slot *s, size_t len)
{
    return s->column->align == TEXT_KEEP && s->right && len > (size_t)s->width;
}

void text_header(const struct text_format *f, struct buf *out)
{
    struct text_format plain = *f;

    plain.cut_mark = 0;
    buf_puts(out, f->before);
    for (uint32_t i = 0; i < f->n; i++) {
        size_t start = out->len;

        buf_puts(out, f->v[i].column->heading);
        shape(&plain, &f->v[i], start, out);
        buf_puts(out, f->v[i].after);
    }
    buf_putc(out, '\n');
}

void text_row(const struct text_format *f, const void *row, const struct text_env *env,
              struct buf *out)
{
    buf_puts(out, f->before);
    for (uint32_t i = 0; i < f->n; i++) {
        size_t start = out->len;

        text_cell_print(f->v[i].column, row, env, out);
        if (!is_kept(&f->v[i], out->len - start))
            shape(f, &f->v[i], start, out);
        buf_puts(out, f->v[i].after);
    }
    buf_putc(out, '\n');
}

void text_rule(const struct text_format *f, struct buf *out)
{
    for (uint32_t i = 0; i < f->n; i++) {
        for (int n = 0; n < f->v[i].width; n++)
            buf_putc(out, '-');
        buf_puts(out, f->v[i].after);
    }
    buf_putc(out, '\n');
}

void text_parsable(const struct text_format *f, const void *row, const struct text_env *env,
                   const char *separator, bool trailing, struct buf *out)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (row)
            text_cell_print(f->v[i].column, row, env, out);
        else
            buf_puts(out, f->v[i].column->heading);
        if (trailing || i + 1 < f->n)
            buf_puts(out, separator);
    }
    buf_putc(out, '\n');
}

void text_fit(struct text_format *f, const void *row, const struct text_env *env)
{
    for (uint32_t i = 0; i < f->n; i++) {
        struct text_slot *s = &f->v[i];
        struct buf b = { 0 };

        if (!s->fit)
            continue;
        text_cell_print(s->column, row, env, &b);
        if ((int)b.len > s->width)
            s->width = (int)b.len;
        buf_fini(&b);
    }
}

/* ---- records */

struct record {
    struct buf *out;
    bool one_line, line_open;
    const char *line_end; /* NULL: no line is waiting */
};

/* Whatever separates the next word from the last: nothing, a blank, or a new line. */
static void word_start(struct record *r)
{
    if (r->line_end) {
        buf_puts(r->out, r->line_end);
        buf_puts(r->out, r->one_line ? " " : "\n   ");
        r->line_end = NULL;
    } else if (r->line_open) {
        buf_putc(r->out, ' ');
    }
    r->line_open = true;
}

static void record_word(struct record *r, const struct text_column *c, const void *row,
                        const struct text_env *env)
{
    struct buf value = { 0 };

    text_cell_print(c, row, env, &value);
    if (value.len || (c->none != text_skip && *c->heading)) {
        word_start(r);
        if (*c->heading)
            buf_printf(r->out, "%s=", c->heading);
        buf_put(r->out, value.data, value.len);
    }
    buf_fini(&value);
}

void text_record(const struct text_table *t, const void *row, const struct text_env *env,
                 struct buf *out)
{
    struct record r = { .out = out, .one_line = env->one_line };

    for (unsigned i = 0; i < t->n; i++) {
        if (t->v[i].heading[0] != '\n')
            record_word(&r, &t->v[i], row, env);
        else if (!r.line_end)
            r.line_end = t->v[i].name;
    }
}

int text_key_value(const char *word, struct arena *a, struct key_value *ret)
{
    const char *equals = strchr(word, '=');

    if (!equals || equals == word)
        return -EINVAL;

    const char *end = equals;
    const char *op = "";

    if (end - word > 1 && (end[-1] == '+' || end[-1] == '-')) {
        op = end[-1] == '+' ? "+" : "-";
        end--;
    }
    *ret = (struct key_value){
        .key = arena_strndup(a, word, (size_t)(end - word)),
        .value = arena_strdup(a, equals + 1),
        .op = op,
    };
    return 0;
}
