/* Batch scripts (script.h).  Directives become words, and words go through the same getopt as a
 * command line, so both are refused in the same way. */
#include "cli/script.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORDS_MAX 128

/* The words of one directive, in the form of a command line. */
struct words {
    char *v[WORDS_MAX + 1];
    int n;
};

static int open_script(const char *name, struct arena *a, const char **ret_path);
static int read_all(int fd, struct arena *a, struct bytes *ret, struct err *e);
static int split(const char *line, struct arena *a, struct words *w, struct err *e);
static void pbs_words(const char *line, struct arena *a, struct words *w);
static void bsub_words(const char *line, struct arena *a, struct words *w);

int script_read(const char *name, struct arena *a, struct script *ret, struct err *e)
{
    const char *path = "";
    CLEANUP(closep) int fd = name ? open_script(name, a, &path) : dup(STDIN_FILENO);

    if (fd < 0)
        return err_set(e, ENOENT, "Unable to open file %.400s", name ? name : "stdin");
    const char *slash = strrchr(path, '/');
    struct script s = { .name = name ? slash + 1 : "sbatch", .path = path };
    int r = read_all(fd, a, &s.text, e);
    if (r == 0)
        *ret = s;
    return r;
}

/* The descriptor, and the absolute path. */
static int open_script(const char *name, struct arena *a, const char **ret_path)
{
    char cwd[4096], *save = NULL;
    const char *path = getenv("PATH");
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        bool here = *name == '/' || !getcwd(cwd, sizeof cwd);
        *ret_path = here ? arena_strdup(a, name) : arena_printf(a, "%s/%s", cwd, name);
        return fd;
    }
    if (strchr(name, '/') || !path)
        return -1;
    for (char *dir = strtok_r(arena_strdup(a, path), ":", &save); dir;
         dir = strtok_r(NULL, ":", &save)) {
        *ret_path = arena_printf(a, "%s/%s", dir, name);
        fd = open(*ret_path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static int read_all(int fd, struct arena *a, struct bytes *ret, struct err *e)
{
    struct buf in = { 0 };
    ssize_t n = 0;

    do {
        buf_reserve(&in, 65536);
        n = read(fd, in.data + in.len, 65536);
        in.len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && in.len <= SCRIPT_MAX);
    *ret = (struct bytes){ arena_memdup(a, in.data, in.len), (uint32_t)in.len };
    buf_fini(&in);
    if (ret->len > SCRIPT_MAX)
        return err_set(e, EFBIG,
                       "Batch job submission failed: Pathname of a file, directory or "
                       "other parameter too long");
    return 0;
}

void script_wrap(const char *command, struct arena *a, struct script *ret)
{
    const char *text =
        arena_printf(a, "#!/bin/sh\n# This script was created by sbatch --wrap.\n\n%s\n", command);

    *ret = (struct script){ { (const uint8_t *)text, (uint32_t)strlen(text) }, "wrap", "" };
}

int script_check(const struct script *s, struct err *e)
{
    const char *text = (const char *)s->text.p;
    size_t len = s->text.len, blank = 0;

    while (blank < len && isspace((unsigned char)text[blank]))
        blank++;
    if (blank == len)
        return err_set(e, EINVAL,
                       len ? "Batch script contains only whitespace!" : "Batch script is empty!");
    if (len < 2 || text[0] != '#' || text[1] != '!')
        return err_set(e, EINVAL,
                       "This does not look like a batch script.  The first\n"
                       "line must start with #! followed by the path to an interpreter.\n"
                       "For instance: #!/bin/sh");
    if (memchr(text, '\0', len))
        return err_set(e, EINVAL,
                       "The Slurm controller does not allow scripts that\n"
                       "contain a NULL character '\\0'.");
    if (memmem(text, len, "\r\n", 2))
        return err_set(e, EINVAL,
                       "Batch script contains DOS line breaks (\\r\\n)\n"
                       "instead of expected UNIX line breaks (\\n).");
    return 0;
}

static const struct {
    const char *prefix;
    bool foreign; /* of another system: what is not understood is passed over */
    void (*translate)(const char *line, struct arena *a, struct words *w);
} kinds[] = {
    { "#SBATCH", false, NULL },
    { "#PBS", true, pbs_words },
    { "#BSUB", true, bsub_words },
};

static int directive(struct opts *o, const char *line, size_t kind, struct err *e)
{
    struct words w = { .v = { (char *)o->name }, .n = 1 };
    const char *rest = line + strlen(kinds[kind].prefix);
    int used = 0, r = 0;

    if (kinds[kind].foreign)
        kinds[kind].translate(rest, o->arena, &w);
    else
        r = split(rest, o->arena, &w, e);
    if (r == 0 && w.n > 1 && (strcmp(w.v[1], "hetjob") == 0 || strcmp(w.v[1], "packjob") == 0))
        return err_set(e, ENOTSUP,
                       "Heterogeneous jobs are not supported yet\n"
                       "submit the components as jobs of their own, with --dependency");
    w.v[w.n] = NULL;
    if (r == 0)
        r = opts_words(o, OPTS_DIRECTIVE, w.n, w.v, &used, e);
    if (r == 0 && used < w.n) {
        o->exit_code = 255;
        r = err_set(e, EINVAL, "Invalid directive found in batch script: %.200s", w.v[used]);
    }
    if (r < 0)
        opts_hint(e, "in the script: %.100s", line);
    return r;
}

int script_directives(const struct script *s, struct opts *o, struct err *e)
{
    const char *text = (const char *)s->text.p, *end = text + s->text.len;
    int r = 0;

    while (text < end && r == 0) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((eol ? eol : end) - text);
        char *line = arena_strndup(o->arena, text, len);
        const char *first = line + strspn(line, " \t\r");
        if (*first && *first != '#')
            return 0;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            if (strncmp(line, kinds[i].prefix, strlen(kinds[i].prefix)) == 0 &&
                !(kinds[i].foreign && o->own.ignore_pbs))
                r = directive(o, line, i, e);
        text += len + 1;
    }
    return r;
}

static void add_word(struct words *w, char *word)
{
    if (w->n < WORDS_MAX)
        w->v[w->n++] = word;
}

/* Words as a shell would cut them: quotes, backslashes, and # begins a comment. */
static int split(const char *line, struct arena *a, struct words *w, struct err *e)
{
    char *out = arena_alloc(a, strlen(line) + 1);

    for (const char *p = line; *p;) {
        p += strspn(p, " \t\r\v\f\n"); /* what isspace() knows: each round must get on */
        if (*p == '\0' || *p == '#')
            break;
        char *word = out, quote = 0;
        for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
            bool quotes = quote ? *p == quote : *p == '"' || *p == '\'';
            if (quotes)
                quote = quote ? 0 : *p;
            else if (*p == '\\' && quote != '\'' && p[1])
                *out++ = *++p;
            else
                *out++ = *p;
        }
        *out++ = '\0';
        if (quote)
            return err_set(e, EINVAL,
                           "Invalid directive found in batch script: %.200s\n"
                           "the closing quote is missing",
                           word);
        add_word(w, word);
        if (*p == '\0')
            break;
    }
    return 0;
}

/* -X value, or -Xvalue: the letter, and the value behind it. */
static char letter_of(const char **line)
{
    const char *p = *line + strspn(*line, " \t");

    if (p[0] != '-' || !p[1])
        return 0;
    *line = p + 2 + strspn(p + 2, " \t");
    return p[1];
}

/* Letters that mean the same thing under another name. */
struct letter {
    char theirs;
    const char *ours;
};

static void translate(const struct letter *map, size_t n, char letter, const char *value,
                      struct arena *a, struct words *w)
{
    size_t len = strcspn(value, " \t");

    for (size_t i = 0; i < n; i++)
        if (map[i].theirs == letter && len > 0)
            add_word(w, arena_printf(a, "--%s=%.*s", map[i].ours, (int)len, value));
}

/* -l name=value,...: walltime, nodes=n[:ppn=m], mem. */
static void pbs_resources(const char *list, struct arena *a, struct words *w)
{
    char *save = NULL;

    for (char *p = strtok_r(arena_strdup(a, list), ", \t", &save); p;
         p = strtok_r(NULL, ", \t", &save)) {
        const char *ppn = strstr(p, "ppn=");
        if (strncmp(p, "walltime=", 9) == 0)
            add_word(w, arena_printf(a, "--time=%s", p + 9));
        else if (strncmp(p, "nodes=", 6) == 0 && isdigit((unsigned char)p[6]))
            add_word(w, arena_printf(a, "--nodes=%.*s", (int)strspn(p + 6, "0123456789"), p + 6));
        else if (strncmp(p, "mem=", 4) == 0)
            add_word(w, arena_printf(a, "--mem=%.*s", (int)strcspn(p + 4, "bB"), p + 4));
        if (ppn)
            add_word(w, arena_printf(a, "--ntasks-per-node=%.*s",
                                     (int)strspn(ppn + 4, "0123456789"), ppn + 4));
    }
}

static void pbs_words(const char *line, struct arena *a, struct words *w)
{
    static const struct letter map[] = {
        { 'N', "job-name" }, { 'q', "partition" }, { 'A', "account" },  { 'o', "output" },
        { 'e', "error" },    { 'M', "mail-user" }, { 'p', "priority" }, { 't', "array" },
    };
    char letter = letter_of(&line);

    if (letter == 'l')
        pbs_resources(line, a, w);
    else if (letter == 'h')
        add_word(w, arena_strdup(a, "--hold"));
    else
        translate(map, sizeof map / sizeof map[0], letter, line, a, w);
}

static void bsub_words(const char *line, struct arena *a, struct words *w)
{
    static const struct letter map[] = {
        { 'J', "job-name" }, { 'q', "partition" }, { 'P', "account" }, { 'o', "output" },
        { 'e', "error" },    { 'n', "ntasks" },    { 'i', "input" },
    };
    char letter = letter_of(&line);

    translate(map, sizeof map / sizeof map[0], letter, line, a, w);
}
