/* The machine behind the option table: getopt_long, environment, help (opts.h).  What a value means
 * is the business of opts_parse.c. */
#include "cli/opts.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/xalloc.h"

#include <assert.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NOW false
#define LATER true
#define GROUP(title)
#define OPT(long_, short_, env_, tools_, member, parser, arg_, later_, help_) \
    {                                                                         \
        .name = #long_,                                                       \
        .letter = short_,                                                     \
        .env = env_,                                                          \
        .tools = tools_,                                                      \
        .offset = offsetof(struct opts, member),                              \
        .parse = opts_parse_##parser,                                         \
        .arg = arg_,                                                          \
        .later = later_,                                                      \
        .help = help_,                                                        \
    },
static const struct opt table[] = {
#include "schema/submit_opts.def"
};
#undef GROUP
#undef OPT
#define OPT_COUNT (sizeof table / sizeof table[0])
#define VAL_FIRST 1000 /* getopt's value of the first row: above every letter */

/* Headings stand before the row of the same index; "" where there is none. */
enum {
    heading_slots = 0
#define GROUP(title) +1
#define OPT(...) +1
#include "schema/submit_opts.def"
#undef GROUP
#undef OPT
};
static const char *const headings[heading_slots] = {
#define GROUP(title) title,
#define OPT(long_, ...) NULL,
#include "schema/submit_opts.def"
#undef GROUP
#undef OPT
};

static const struct opt *row_of(enum opts_tool tool, int val);
static bool is_optional(const struct opt *o);
static const char *environment_value(const struct opts *o, const struct opt *row, const char **name,
                                     struct buf *scratch);

void opts_init(struct opts *o, enum opts_tool tool, int64_t now, struct arena *a)
{
    const struct field *fields = desc_job_spec.fields();

    *o = (struct opts){
        .arena = a,
        .tool = tool,
        .name = tool == BATCH   ? "sbatch"
                : tool == ALLOC ? "salloc"
                                : "srun",
        .now = now,
        .from = arena_calloc(a, OPT_COUNT, 1),
        .exit_code = 1,
    };
    for (unsigned i = 0; i < desc_job_spec.count; i++)
        if (fields[i].kind == KIND_STR)
            *(const char **)((char *)&o->job + fields[i].offset) = "";
}

static int apply(struct opts *o, const struct opt *row, const char *arg, struct err *e)
{
    o->exit_code = 255; /* what "Invalid --x specification" exits with; parsers may say otherwise */
    int r = row->parse(o, row, arg, e);
    if (r == 0)
        o->from[row - table] = (uint8_t)o->source;
    return r;
}

int opts_words(struct opts *o, enum opts_source source, int argc, char **argv, int *ret_rest,
               struct err *e)
{
    struct option longs[OPT_COUNT + 1];
    char shorts[2 + 3 * OPT_COUNT + 1];
    size_t n = 0, s = 0;
    int r = 0;

    shorts[s++] = '+'; /* the first word that is no option ends them */
    for (size_t i = 0; i < OPT_COUNT; i++) {
        if (!(table[i].tools & o->tool))
            continue;
        int has = !table[i].arg            ? no_argument
                  : is_optional(&table[i]) ? optional_argument
                                           : required_argument;
        longs[n++] = (struct option){ table[i].name, has, NULL, VAL_FIRST + (int)i };
        if (!table[i].letter)
            continue;
        shorts[s++] = table[i].letter;
        for (int colons = has; colons > 0; colons--)
            shorts[s++] = ':';
    }
    longs[n] = (struct option){ 0 };
    shorts[s] = '\0';
    o->source = source;
    optind = 0;
    for (int val; r == 0 && (val = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct opt *row = row_of(o->tool, val);
        if (!row) {
            fprintf(stderr, "Try \"%s --help\" for more information\n", o->name);
            o->exit_code = 255;
            return err_set(e, 22, "%s", "");
        }
        r = apply(o, row, optarg, e);
    }
    *ret_rest = optind;
    return r;
}

static const struct opt *row_of(enum opts_tool tool, int val)
{
    if (val >= VAL_FIRST)
        return &table[val - VAL_FIRST];
    for (size_t i = 0; i < OPT_COUNT; i++)
        if (table[i].letter == val && (table[i].tools & tool))
            return &table[i];
    return NULL;
}

/* An argument that stands in one pair of brackets may be left out; what --export and --wrap show is
 * only Slurm's habit. */
static bool is_optional(const struct opt *o)
{
    int depth = 0;

    if (!o->arg || *o->arg != '[' || o->parse == opts_parse_text)
        return false;
    for (const char *p = o->arg; *p; p++) {
        depth += *p == '[' ? 1 : *p == ']' ? -1 : 0;
        if (depth == 0)
            return p[1] == '\0';
    }
    return false;
}

int opts_environment(struct opts *o, struct err *e)
{
    struct buf scratch = { 0 };
    int r = 0;

    o->source = OPTS_ENVIRONMENT;
    for (size_t i = 0; i < OPT_COUNT && r == 0; i++) {
        const char *name = NULL;
        if (!table[i].env || !(table[i].tools & o->tool))
            continue;
        const char *value = environment_value(o, &table[i], &name, &scratch);
        if (value)
            r = apply(o, &table[i], table[i].arg || *value ? value : NULL, e);
        if (r < 0)
            opts_hint(e, "the value comes from the environment: %s=%.80s", name, value);
    }
    buf_fini(&scratch);
    return r;
}

/* "ba:JOB_NAME s:JOB_NAME": the first variable that is set and meant for this tool. */
static const char *environment_value(const struct opts *o, const struct opt *row, const char **name,
                                     struct buf *scratch)
{
    static const struct {
        char letter;
        unsigned tools;
        const char *prefix;
    } prefixes[] = {
        { 'b', BATCH, "SBATCH_" },
        { 'a', ALLOC, "SALLOC_" },
        { 's', RUN, "SLURM_" },
        { 'r', RUN, "SRUN_" },
        { '*', BATCH | ALLOC | RUN, "SLURM_" },
    };

    for (const char *w = row->env; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
        const char *colon = strchr(w, ':');
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
            if (!(prefixes[i].tools & o->tool) ||
                !memchr(w, prefixes[i].letter, (size_t)(colon - w)))
                continue;
            buf_reset(scratch);
            buf_printf(scratch, "%s%.*s", prefixes[i].prefix, (int)strcspn(colon + 1, " "),
                       colon + 1);
            *name = buf_str(scratch);
            const char *value = getenv(*name);
            if (value)
                return value;
        }
    }
    return NULL;
}

void opts_hint(struct err *e, const char *fmt, ...)
{
    size_t len = e ? strlen(e->text) : 0;
    va_list ap;

    if (len == 0 || len + 2 > sizeof e->text)
        return;
    e->text[len++] = '\n';
    va_start(ap, fmt);
    vsnprintf(e->text + len, sizeof e->text - len, fmt, ap);
    va_end(ap);
}

enum opts_source opts_source_of(const struct opts *o, const char *name)
{
    for (size_t i = 0; i < OPT_COUNT; i++)
        if ((table[i].tools & o->tool) && strcmp(table[i].name, name) == 0)
            return (enum opts_source)o->from[i];
    assert(false && "no such option");
    return OPTS_UNSET;
}

bool opts_is_set(const struct opts *o, const char *long_name)
{
    return opts_source_of(o, long_name) != OPTS_UNSET;
}

/* The three memory options exclude each other; one from a higher source wins over those of lower
 * ones. */
/* A node needs a task: fewer tasks than nodes mean fewer nodes. */
static void cap_nodes(struct opts *o)
{
    static const char *const tools[] = { [BATCH] = "sbatch", [ALLOC] = "salloc", [RUN] = "srun" };
    struct opt_u32 *min = &o->job.min_nodes, *max = &o->job.max_nodes;
    uint32_t tasks = o->job.ntasks.v;

    if (!o->job.ntasks.set || !min->set || tasks == 0)
        return;
    if (min->v > tasks) {
        if (!o->own.quiet)
            fprintf(stderr,
                    "%s: Warning: can't run %u processes on %u nodes, setting nnodes to %u\n",
                    tools[o->tool], tasks, min->v, tasks);
        min->v = tasks;
        *max = (struct opt_u32){ 0 };
    }
    if (max->set && max->v > tasks)
        max->v = tasks;
}

int opts_finish(struct opts *o, struct err *e)
{
    const struct {
        uint8_t from;
        struct opt_u64 *value;
    } mem[] = {
        { opts_source_of(o, "mem"), &o->job.mem_per_node_mb },
        { opts_source_of(o, "mem-per-cpu"), &o->job.mem_per_cpu_mb },
        { opts_source_of(o, "mem-per-gpu"), &o->job.mem_per_gpu_mb },
    };
    uint8_t best = OPTS_UNSET;
    unsigned with_best = 0;

    for (int i = 0; i < 3; i++)
        best = mem[i].from > best ? mem[i].from : best;
    for (int i = 0; i < 3 && best; i++) {
        with_best += mem[i].from == best;
        if (mem[i].from != best)
            *mem[i].value = (struct opt_u64){ 0 };
    }
    o->exit_code = 1;
    if (with_best > 1)
        return err_set(e, 22,
                       "fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.\n"
                       "keep the one that says what you mean and remove the others");
    cap_nodes(o);
    return 0;
}

void opts_warn_later(const struct opts *o, void (*say)(const char *tool, const char *text))
{
    for (size_t i = 0; i < OPT_COUNT; i++) {
        char text[128];
        if (!table[i].later || !o->from[i])
            continue;
        snprintf(text, sizeof text, "--%s is stored but not acted on yet", table[i].name);
        say(o->name, text);
    }
}

/* Folds text into lines of at most 50 characters that begin under the first. */
static void put_help(FILE *out, int at, const char *text)
{
    const int column = 30, width = 50;

    fprintf(out, "%*s", at < column ? column - at : 1, "");
    while ((int)strlen(text) > width) {
        int cut = width;
        while (cut > 0 && text[cut] != ' ')
            cut--;
        fprintf(out, "%.*s\n%*s", cut, text, column, "");
        text += cut + 1;
    }
    fprintf(out, "%s\n", text);
}

static int put_option(FILE *out, const struct opt *o)
{
    int at = o->letter ? fprintf(out, "  -%c, --%s", o->letter, o->name)
                       : fprintf(out, "      --%s", o->name);

    if (o->arg && is_optional(o))
        at += fprintf(out, "[=%s", o->arg + 1);
    else if (o->arg)
        at += fprintf(out, "=%s", o->arg);
    return at;
}

void opts_help(enum opts_tool tool, FILE *out)
{
    static const char *const what[] = {
        [BATCH] = "sbatch [OPTIONS...] script [args...]",
        [ALLOC] = "salloc [OPTIONS...] [command [args...]]",
        [RUN] = "srun [OPTIONS...] executable [args...]",
    };
    const struct opt *row = table;

    fprintf(out, "Usage: %s\n", what[tool]);
    for (size_t i = 0; i < heading_slots; i++) {
        if (headings[i]) {
            fprintf(out, "\n%s\n", headings[i]);
            continue;
        }
        if (row->tools & tool)
            put_help(out, put_option(out, row), row->help);
        row++;
    }
    fputc('\n', out);
}

void opts_usage(enum opts_tool tool, FILE *out)
{
    const char *name = tool == BATCH ? "sbatch" : tool == ALLOC ? "salloc" : "srun";
    int at = fprintf(out, "Usage: %s", name);

    for (size_t i = 0; i < OPT_COUNT; i++) {
        const struct opt *o = &table[i];
        char word[128];
        if (!(o->tools & tool))
            continue;
        int len = snprintf(word, sizeof word,
                           is_optional(o) ? " [--%s[=%s]"
                           : o->arg       ? " [--%s=%s]"
                                          : " [--%s]",
                           o->name, o->arg ? o->arg + is_optional(o) : "");
        if (at + len > 80)
            at = fprintf(out, "\n             ") - 1;
        at += fprintf(out, "%s", word);
    }
    fprintf(out, "\n             %s\n",
            tool == BATCH ? "script [args...]" : "executable [args...]");
}
