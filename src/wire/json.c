/* JSON of any message: a streaming writer over descriptors. */
#include "wire/json.h"

#include <inttypes.h>
#include <string.h>

struct writer {
    struct buf *out;
    unsigned flags;
    int depth;
    bool first; /* no comma before the next item */
};

static void newline(struct writer *w)
{
    if (!(w->flags & JSON_PRETTY))
        return;
    buf_putc(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        buf_puts(w->out, "  ");
}

static void item(struct writer *w)
{
    if (!w->first)
        buf_putc(w->out, ',');
    w->first = false;
    newline(w);
}

static void open_bracket(struct writer *w, char c)
{
    buf_putc(w->out, c);
    w->depth++;
    w->first = true;
}

static void close_bracket(struct writer *w, char c)
{
    w->depth--;
    if (!w->first)
        newline(w);
    w->first = false;
    buf_putc(w->out, c);
}

/* Length of the well-formed UTF-8 sequence at s, or 0 (RFC 3629). */
static size_t utf8_len(const unsigned char *s)
{
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;

    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
        return 0;
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
        return 0;
    return n;
}

void json_write_string(const char *text, struct buf *out)
{
    const unsigned char *s = (const unsigned char *)text;

    buf_putc(out, '"');
    while (*s) {
        size_t n = utf8_len(s);

        if (*s == '"' || *s == '\\')
            buf_printf(out, "\\%c", *s);
        else if (*s < 0x20 || *s == 0x7f)
            buf_printf(out, "\\u%04x", *s);
        else if (n)
            buf_put(out, s, n);
        else
            buf_puts(out, "\xef\xbf\xbd");
        s += n ? n : 1;
    }
    buf_putc(out, '"');
}

/* Slurm's shape for numbers that can be unset (contracts/slurm.md section 22). */
static void optional(struct writer *w, bool set, bool infinite, int64_t v)
{
    if (w->flags & JSON_SLURM)
        buf_printf(w->out, "{\"set\":%s,\"infinite\":%s,\"number\":%" PRId64 "}",
                   set ? "true" : "false", infinite ? "true" : "false", set && !infinite ? v : 0);
    else if (set)
        buf_printf(w->out, "%" PRId64, v);
    else
        buf_puts(w->out, "null");
}

static void object(struct writer *w, const struct desc *d, const void *msg);

static void string_list(struct writer *w, const struct strs *s)
{
    open_bracket(w, '[');
    for (uint32_t i = 0; i < s->n; i++) {
        item(w);
        json_write_string(s->v[i], w->out);
    }
    close_bracket(w, ']');
}

static void number_list(struct writer *w, const struct u32s *s)
{
    open_bracket(w, '[');
    for (uint32_t i = 0; i < s->n; i++) {
        item(w);
        buf_printf(w->out, "%" PRIu32, s->v[i]);
    }
    close_bracket(w, ']');
}

static void object_list(struct writer *w, const struct desc *d, const void *p)
{
    const struct {
        const char *v;
        uint32_t n;
    } *list = p;

    open_bracket(w, '[');
    for (uint32_t i = 0; i < list->n; i++) {
        item(w);
        object(w, d, list->v + i * d->size);
    }
    close_bracket(w, ']');
}

static void bytes_as_text(struct writer *w, const struct bytes *b)
{
    struct arena a = { 0 };

    json_write_string(arena_strndup(&a, (const char *)b->p, b->len), w->out);
    arena_fini(&a);
}

static void number(struct writer *w, const struct field *f, const void *p)
{
    switch ((enum kind)f->kind) {
    case KIND_BOOL:
        return buf_puts(w->out, *(const bool *)p ? "true" : "false");
    case KIND_U32:
        return buf_printf(w->out, "%" PRIu32, *(const uint32_t *)p);
    case KIND_U64:
        return buf_printf(w->out, "%" PRIu64, *(const uint64_t *)p);
    case KIND_I32:
        return buf_printf(w->out, "%" PRId32, *(const int32_t *)p);
    case KIND_I64:
        return buf_printf(w->out, "%" PRId64, *(const int64_t *)p);
    case KIND_F64:
        return buf_printf(w->out, "%.17g", *(const double *)p);
    case KIND_OPT_BOOL: {
        const struct opt_bool *o = p;
        return buf_puts(w->out, !o->set ? "null" : o->v ? "true" : "false");
    }
    case KIND_OPT_U32: {
        const struct opt_u32 *o = p;
        return optional(w, o->set, o->v == UINT32_MAX, o->v);
    }
    case KIND_OPT_U64: {
        const struct opt_u64 *o = p;
        return optional(w, o->set, o->v == UINT64_MAX, (int64_t)o->v);
    }
    default: {
        const struct opt_i64 *o = p;
        return optional(w, o->set, false, o->v);
    }
    }
}

static void value(struct writer *w, const struct field *f, const void *p)
{
    switch ((enum kind)f->kind) {
    case KIND_STR:
        return json_write_string(*(const char *const *)p ? *(const char *const *)p : "", w->out);
    case KIND_BYTES:
        return bytes_as_text(w, p);
    case KIND_STRS:
        return string_list(w, p);
    case KIND_U32S:
        return number_list(w, p);
    case KIND_ONE:
        return object(w, f->sub, *(void *const *)p);
    case KIND_LIST:
        return object_list(w, f->sub, p);
    default:
        return number(w, f, p);
    }
}

/* Left out: sub-messages that are not there, and (unless asked for) optional numbers that are not
 * set. */
static bool is_absent(const struct field *f, const void *p, unsigned flags)
{
    switch ((enum kind)f->kind) {
    case KIND_ONE:
        return !*(void *const *)p;
    case KIND_OPT_BOOL:
        return !((const struct opt_bool *)p)->set && !(flags & JSON_ALL);
    case KIND_OPT_U32:
        return !((const struct opt_u32 *)p)->set && !(flags & JSON_ALL);
    case KIND_OPT_U64:
        return !((const struct opt_u64 *)p)->set && !(flags & JSON_ALL);
    case KIND_OPT_I64:
        return !((const struct opt_i64 *)p)->set && !(flags & JSON_ALL);
    default:
        return false;
    }
}

static void object(struct writer *w, const struct desc *d, const void *msg)
{
    const struct field *fields = d->fields();

    open_bracket(w, '{');
    for (unsigned i = 0; i < d->count; i++) {
        const void *p = (const char *)msg + fields[i].offset;

        if (is_absent(&fields[i], p, w->flags))
            continue;
        item(w);
        json_write_string(fields[i].json, w->out);
        buf_puts(w->out, w->flags & JSON_PRETTY ? ": " : ":");
        value(w, &fields[i], p);
    }
    close_bracket(w, '}');
}

void json_write(const struct desc *d, const void *msg, unsigned flags, struct buf *out)
{
    struct writer w = { out, flags, 0, true };

    object(&w, d, msg);
}
