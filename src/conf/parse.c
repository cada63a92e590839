/* The syntax of slurm.conf: comments, continuation lines, quotes, Include.  A file is read whole,
 * cut into logical lines in place, and each line is handed on as pairs; so an error can always name
 * file and line. */
#include "conf/parse.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define PAIRS_MAX 64u

static int slurp(const char *path, struct buf *ret, struct err *e);
static int parse_text(struct conf_parser *p, const char *path, char *text, struct err *e);
static char *next_logical(char **at, unsigned *number);
static bool cut_comment(char *line);
static int parse_line(struct conf_parser *p, struct conf_line *line, char *text, struct err *e);
static int parse_pairs(struct conf_parser *p, struct conf_line *line, char *text, struct err *e);
static int parse_value(char **at, char **ret, struct err *e);
static int include(struct conf_parser *p, const char *from, char *name, struct err *e);

static void buf_finip(struct buf *b)
{
    buf_fini(b);
}

int conf_parse_file(struct conf_parser *p, const char *path, struct err *e)
{
    CLEANUP(buf_finip) struct buf text = { 0 };
    int r = slurp(path, &text, e);

    if (r < 0)
        return r;
    if (memchr(text.data, '\0', text.len))
        return err_set(e, EINVAL, "%s: holds a NUL byte; this is not a text file", path);
    for (int i = 0; i < 2; i++)
        p->hash[i] = hash_bytes(text.data, text.len, p->hash[i] + (uint64_t)i);
    buf_putc(&text, '\0');
    return parse_text(p, arena_strdup(p->arena, path), (char *)text.data, e);
}

/* Reads a file of bounded size. */
static int slurp(const char *path, struct buf *ret, struct err *e)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(e, "%s", path);
    for (;;) {
        buf_reserve(ret, 65536);
        ssize_t n = read(fd, ret->data + ret->len, 65536);
        if (n < 0)
            return err_errno(e, "%s", path);
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        if (ret->len > CONF_FILE_MAX)
            return err_set(e, EFBIG, "%s: larger than %u bytes", path, CONF_FILE_MAX);
    }
}

static int parse_text(struct conf_parser *p, const char *path, char *text, struct err *e)
{
    unsigned number = 0, next = 1;

    for (char *line; number = next, (line = next_logical(&text, &next)) != NULL;) {
        struct conf_line l = { .file = path, .number = number };
        int r = parse_line(p, &l, line, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The next logical line, or NULL at the end.  Joins lines in place: what is written never passes
 * what is read. */
static char *next_logical(char **at, unsigned *number)
{
    char *start = *at, *out = start, *in = start;

    if (*in == '\0')
        return NULL;
    for (bool more = true; more && *in;) {
        char *end = strchrnul(in, '\n');
        char *after = *end ? end + 1 : end;
        *end = '\0';
        if (end > in && end[-1] == '\r')
            end[-1] = '\0';
        bool commented = cut_comment(in);
        size_t len = strlen(in);
        more = !commented && len > 0 && in[len - 1] == '\\';
        memmove(out, in, len);
        out += more ? len - 1 : len;
        in = after;
        ++*number;
    }
    *at = in;
    *out = '\0';
    return start;
}

/* Ends the line at a '#' that no backslash protects; "\#" becomes "#".  A commented line never
 * continues. */
static bool cut_comment(char *line)
{
    char *out = line;

    for (const char *in = line; *in; in++) {
        if (*in == '#') {
            *out = '\0';
            return true;
        }
        if (in[0] == '\\' && in[1] == '#')
            in++;
        *out++ = *in;
    }
    *out = '\0';
    return false;
}

static char *skip_blank(char *s)
{
    return s + strspn(s, " \t\v\f\r");
}

static int parse_line(struct conf_parser *p, struct conf_line *line, char *text, struct err *e)
{
    int r = 0;

    text = skip_blank(text);
    if (*text == '\0')
        return 0;

    if (strncasecmp(text, "include", 7) == 0 && isblank((unsigned char)text[7]) &&
        *skip_blank(text + 7) != '=')
        r = include(p, line->file, skip_blank(text + 7), e);
    else if ((r = parse_pairs(p, line, text, e)) == 0)
        r = p->each(p->arg, line, e);
    return r < 0 ? err_at(e, r, "%s:%u", line->file, line->number) : 0;
}

/* Cuts "Key=Value Key = "quoted value" ..." into pairs. */
static int parse_pairs(struct conf_parser *p, struct conf_line *line, char *text, struct err *e)
{
    struct conf_pair pairs[PAIRS_MAX];
    uint32_t n = 0;

    while (*text) {
        char *key = text, *value = NULL;
        size_t len = strcspn(text, "= \t");
        char *equals = skip_blank(text + len);

        if (len == 0 || *equals != '=')
            return err_set(e, EINVAL, "expected Key=Value, found \"%.60s\"", text);
        if (n == PAIRS_MAX)
            return err_set(e, E2BIG, "more than %u settings in one line", PAIRS_MAX);
        key[len] = '\0';
        text = skip_blank(equals + 1);
        int r = parse_value(&text, &value, e);
        if (r < 0)
            return err_at(e, r, "%.60s", key);
        pairs[n++] =
            (struct conf_pair){ arena_strdup(p->arena, key), arena_strdup(p->arena, value) };
    }
    line->pairs = arena_memdup(p->arena, pairs, n * sizeof *pairs);
    line->n = n;
    return 0;
}

/* A word, or anything between double quotes.  Leaves *at behind it and the blanks that follow. */
static int parse_value(char **at, char **ret, struct err *e)
{
    bool quoted = **at == '"';
    char *start = *at + quoted;
    char *end = quoted ? strchr(start, '"') : start + strcspn(start, " \t");

    if (!end)
        return err_set(e, EINVAL, "the closing quote is missing after \"%.60s", start);
    char after = quoted ? end[1] : *end;
    if (after && !isspace((unsigned char)after))
        return err_set(e, EINVAL, "text after the closing quote: %.60s", end + 1);
    *at = skip_blank(after ? end + 1 + quoted : end + quoted);
    *end = '\0';
    *ret = start;
    return 0;
}

/* Include: a path relative to the including file; %c is the cluster's name, which must be known by
 * then. */
static int include(struct conf_parser *p, const char *from, char *name, struct err *e)
{
    const char *slash = strrchr(from, '/');
    CLEANUP(buf_finip) struct buf path = { 0 };

    for (size_t len = strlen(name); len > 0 && isspace((unsigned char)name[len - 1]);)
        name[--len] = '\0';
    if (p->depth == CONF_INCLUDE_MAX)
        return err_set(e, ELOOP, "Include %.100s: files include each other more than %u deep", name,
                       CONF_INCLUDE_MAX);
    if (*name != '/' && slash)
        buf_put(&path, from, (size_t)(slash - from) + 1);
    for (const char *s = name; *s; s++) {
        if (s[0] != '%' || s[1] != 'c') {
            buf_putc(&path, *s);
            continue;
        }
        if (!*p->cluster)
            return err_set(e, EINVAL, "Include %.100s: write ClusterName= before it, %%c needs it",
                           name);
        buf_puts(&path, *p->cluster);
        s++;
    }
    p->depth++;
    int r = conf_parse_file(p, buf_str(&path), e);
    p->depth--;
    return r;
}
