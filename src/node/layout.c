/* The shape of a step, and the commands of --multi-prog. */
#include "node/layout.h"

#include "base/buf.h"
#include "base/hostlist.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 1024u /* of one --multi-prog line */

uint32_t layout_ntasks(const struct step_launch *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->parts.n; i++)
        n += s->parts.v[i].tasks.n;
    return n;
}

const char *layout_nodes(const struct step_launch *s, struct arena *a)
{
    const char **names = arena_calloc(a, s->parts.n + 1, sizeof *names);

    for (uint32_t i = 0; i < s->parts.n; i++)
        names[i] = s->parts.v[i].name;
    return hostlist_compress(a, names, s->parts.n);
}

const char *layout_tasks_per_node(const struct step_launch *s, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0, n; i < s->parts.n; i += n) {
        uint32_t tasks = s->parts.v[i].tasks.n;
        for (n = 1; i + n < s->parts.n && s->parts.v[i + n].tasks.n == tasks;)
            n++;
        buf_printf(&b, n > 1 ? "%s%u(x%u)" : "%s%u", b.len ? "," : "", tasks, n);
    }
    const char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* ---- --multi-prog: lines of "ranks program arguments", the first that has the rank counts.  As
 * Slurm 22.05 does it: blanks part words, a backslash or single quotes take a character's meaning
 * away, double quotes mean nothing. */

/* "0,2-5" or "*".  *ret_offset: how many ranks of the list come before this one. */
static bool ranks_have(const char *text, size_t len, uint32_t rank, uint32_t *ret_offset)
{
    const char *end = text + len;
    uint32_t before = 0;

    if (len == 1 && text[0] == '*') {
        *ret_offset = rank;
        return true;
    }
    while (text < end) {
        char *next;
        unsigned long first = strtoul(text, &next, 10), last = first;
        if (next == text)
            return false;
        if (*next == '-')
            last = strtoul(next + 1, &next, 10);
        if (rank >= first && rank <= last) {
            *ret_offset = before + rank - (uint32_t)first;
            return true;
        }
        before += last >= first ? (uint32_t)(last - first) + 1 : 0;
        text = *next == ',' ? next + 1 : end;
    }
    return false;
}

/* One word from p on, with %t and %o replaced; returns where it ends. */
static const char *word_take(const char *p, uint32_t rank, uint32_t offset, struct buf *out)
{
    bool is_quoted = false;

    for (; *p && *p != '\n' && (is_quoted || !isblank((unsigned char)*p)); p++) {
        if (*p == '\'')
            is_quoted = !is_quoted;
        else if (*p == '\\' && p[1] && p[1] != '\n')
            buf_putc(out, *++p);
        else if (!is_quoted && *p == '%' && (p[1] == 't' || p[1] == 'o'))
            buf_printf(out, "%u", *++p == 't' ? rank : offset);
        else
            buf_putc(out, *p);
    }
    return p;
}

static char **words_take(const char *p, uint32_t rank, uint32_t offset, struct arena *a)
{
    char **argv = arena_calloc(a, WORDS_MAX + 1, sizeof *argv);
    struct buf word = { 0 };

    for (uint32_t n = 0; n < WORDS_MAX;) {
        p += strspn(p, " \t\r");
        if (!*p || *p == '\n')
            break;
        buf_reset(&word);
        p = word_take(p, rank, offset, &word);
        argv[n++] = arena_strdup(a, buf_str(&word));
    }
    buf_fini(&word);
    return argv;
}

static int multi_prog_argv(const char *text, uint32_t rank, struct arena *a, char ***ret,
                           struct err *e)
{
    uint32_t offset;

    for (const char *line = text; *line; line += *line == '\n') {
        line += strspn(line, " \t");
        size_t ranks = strcspn(line, " \t\n");
        if (line[0] != '#' && ranks_have(line, ranks, rank, &offset)) {
            *ret = words_take(line + ranks, rank, offset, a);
            if ((*ret)[0])
                return 0;
        }
        line += strcspn(line, "\n");
    }
    return err_set(e, ENOENT, "the multi-prog file has no program for task %u", rank);
}

int layout_argv(const struct step_launch *s, uint32_t rank, struct arena *a, char ***ret,
                struct err *e)
{
    const struct strs *argv = &s->spec->argv;

    if (s->spec->multi_prog[0])
        return multi_prog_argv(s->spec->multi_prog, rank, a, ret, e);
    if (argv->n == 0)
        return err_set(e, EINVAL, "the step has no command");
    *ret = arena_calloc(a, argv->n + 1, sizeof **ret);
    for (uint32_t i = 0; i < argv->n; i++)
        (*ret)[i] = (char *)argv->v[i];
    return 0;
}
