/* From words to sets: what --cpu-bind and its kin mean for each task on this node. */
#include "node/affinity.h"

#include "base/xalloc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* While a plan is made. */
struct planning {
    const struct affinity_ask *ask;
    struct affinity *out;
    struct affinity_spread spread;
};

typedef int cpu_fn(struct planning *p, const char *list, struct err *e);
typedef int memory_fn(struct planning *p, const char *list, struct err *e);

static int cpu_none(struct planning *p, const char *list, struct err *e);
static int cpu_rank(struct planning *p, const char *list, struct err *e);
static int cpu_map(struct planning *p, const char *list, struct err *e);
static int cpu_mask(struct planning *p, const char *list, struct err *e);
static int cpu_rank_ldom(struct planning *p, const char *list, struct err *e);
static int cpu_map_ldom(struct planning *p, const char *list, struct err *e);
static int cpu_mask_ldom(struct planning *p, const char *list, struct err *e);
static int cpu_sockets(struct planning *p, const char *list, struct err *e);
static int cpu_cores(struct planning *p, const char *list, struct err *e);
static int cpu_threads(struct planning *p, const char *list, struct err *e);
static int cpu_ldoms(struct planning *p, const char *list, struct err *e);
static int cpu_auto(struct planning *p, const char *list, struct err *e);
static int memory_local(struct planning *p, const char *list, struct err *e);
static int memory_rank(struct planning *p, const char *list, struct err *e);
static int memory_map(struct planning *p, const char *list, struct err *e);
static int memory_mask(struct planning *p, const char *list, struct err *e);

/* Types of --cpu-bind: a board is a socket or more, and few machines have two. */
static const struct {
    const char *word, *label;
    bool has_list;
    cpu_fn *fn;
} cpu_types[] = {
    { "none", "NULL", false, cpu_none },         { "no", "NULL", false, cpu_none },
    { "rank", "RANK", false, cpu_rank },         { "map_cpu", "MAP", true, cpu_map },
    { "mask_cpu", "MASK", true, cpu_mask },      { "rank_ldom", "LDRANK", false, cpu_rank_ldom },
    { "map_ldom", "LDMAP", true, cpu_map_ldom }, { "mask_ldom", "LDMASK", true, cpu_mask_ldom },
    { "sockets", "MASK", false, cpu_sockets },   { "socket", "MASK", false, cpu_sockets },
    { "boards", "MASK", false, cpu_sockets },    { "cores", "MASK", false, cpu_cores },
    { "core", "MASK", false, cpu_cores },        { "threads", "MASK", false, cpu_threads },
    { "thread", "MASK", false, cpu_threads },    { "ldoms", "MASK", false, cpu_ldoms },
    { "ldom", "MASK", false, cpu_ldoms },
};

static const struct {
    const char *word;
    bool has_list;
    memory_fn *fn; /* NULL: memory stays free */
} memory_types[] = {
    { "none", false, NULL },          { "no", false, NULL },
    { "local", false, memory_local }, { "rank", false, memory_rank },
    { "map_mem", true, memory_map },  { "mask_mem", true, memory_mask },
};

/* ---- words */

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* 10 unless it begins with 0x: strtoull's own guess would take 010 for eight. */
static int base_of(const char *number)
{
    return strncasecmp(number, "0x", 2) == 0 ? 16 : 10;
}

/* The entry of "0x3*4,c" for a task; the list begins again at its end.  base 0: each number says.
 */
static int entry_of(const char *list, uint32_t task, int base, uint64_t *ret, struct err *e)
{
    uint64_t total = 0, passed = 0;

    for (int round = 0; round < 2; round++)
        for (const char *p = list; *p; p += *p == ',') {
            char *end;
            uint64_t value = strtoull(p, &end, base ? base : base_of(p)), times = 1;
            if (end != p && *end == '*')
                times = strtoull(end + 1, &end, 10);
            if (end == p || (*end && *end != ',') || times == 0)
                return err_set(e, EINVAL, "binding: \"%.60s\" is no list of numbers", list);
            p = end;
            total += round == 0 ? times : 0;
            passed += round == 1 ? times : 0;
            if (round == 1 && task % total < passed) {
                *ret = value;
                return 0;
            }
        }
    return err_set(e, EINVAL, "binding: the list is empty");
}

/* ---- CPUs */

static struct bits *set_of(struct planning *p, uint32_t task)
{
    return &p->out->tasks[task].cpus;
}

/* Nothing outside of the step; a set that would be empty is all of the step. */
static void keep_inside(struct planning *p, struct bits *set)
{
    bits_and(set, p->ask->cpus);
    if (bits_count(set) == 0)
        bits_or(set, p->ask->cpus);
}

static int each_task(struct planning *p, const char *list, int base,
                     void (*put)(struct planning *p, uint32_t task, uint64_t value), struct err *e)
{
    uint64_t value = 0;
    int err = 0;

    for (uint32_t i = 0; i < p->out->n && err == 0; i++) {
        err = entry_of(list, i, base, &value, e);
        if (err == 0)
            put(p, i, value);
        keep_inside(p, set_of(p, i));
    }
    return err;
}

static int cpu_none(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t i = 0; i < p->out->n; i++)
        bits_or(set_of(p, i), p->ask->cpus);
    p->out->type = "none";
    return 0;
}

/* The n-th CPU of the step. */
static uint32_t nth_cpu(const struct bits *set, uint32_t n)
{
    n %= bits_count(set);
    BITS_FOREACH(cpu, set)
        if (n-- == 0)
            return (uint32_t)cpu;
    return 0;
}

static int cpu_rank(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t i = 0; i < p->out->n; i++)
        bits_set(set_of(p, i), nth_cpu(p->ask->cpus, i));
    return 0;
}

static void put_os_cpu(struct planning *p, uint32_t task, uint64_t value)
{
    for (uint32_t i = 0; i < p->ask->topology->os.n; i++)
        if (p->ask->topology->os.v[i] == value)
            bits_set(set_of(p, task), i);
}

static int cpu_map(struct planning *p, const char *list, struct err *e)
{
    return each_task(p, list, 0, put_os_cpu, e);
}

/* A mask may be longer than any number: the hexadecimal digits are read from the end. */
static void put_os_mask(struct planning *p, uint32_t task, const char *digits, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char digit[2] = { digits[len - 1 - i], '\0' };
        unsigned long value = strtoul(digit, NULL, 16);
        for (unsigned b = 0; b < 4; b++)
            if (value >> b & 1)
                put_os_cpu(p, task, i * 4 + b);
    }
}

static int cpu_mask(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t task = 0; task < p->out->n;) {
        const char *at = list;
        for (; *at && task < p->out->n; at += *at == ',') {
            at += strncasecmp(at, "0x", 2) == 0 ? 2 : 0;
            size_t len = strspn(at, "0123456789abcdefABCDEF");
            uint64_t times = at[len] == '*' ? strtoull(at + len + 1, NULL, 10) : 1;
            if (len == 0 || times == 0 || !strchr(",*", at[len]))
                return err_set(e, EINVAL, "--cpu-bind: \"%.60s\" is no list of masks", list);
            for (; times > 0 && task < p->out->n; times--, task++) {
                put_os_mask(p, task, at, len);
                keep_inside(p, set_of(p, task));
            }
            at += strcspn(at, ",");
        }
        if (at == list)
            return err_set(e, EINVAL, "--cpu-bind: mask_cpu needs a list");
    }
    return 0;
}

static void put_ldom(struct planning *p, uint32_t task, uint64_t node)
{
    for (uint32_t i = 0; i < p->ask->topology->numa.n; i++)
        if (p->ask->topology->numa.v[i] == node)
            bits_set(set_of(p, task), i);
}

static uint32_t ldoms(const struct host_topology *t)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < t->numa.n; i++)
        most = t->numa.v[i] > most ? t->numa.v[i] : most;
    return most + 1;
}

static int cpu_rank_ldom(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t i = 0; i < p->out->n; i++) {
        put_ldom(p, i, i % ldoms(p->ask->topology));
        keep_inside(p, set_of(p, i));
    }
    return 0;
}

static int cpu_map_ldom(struct planning *p, const char *list, struct err *e)
{
    return each_task(p, list, 0, put_ldom, e);
}

static void put_ldoms(struct planning *p, uint32_t task, uint64_t mask)
{
    for (uint64_t node = 0; node < 64; node++)
        if (mask >> node & 1)
            put_ldom(p, task, node);
}

static int cpu_mask_ldom(struct planning *p, const char *list, struct err *e)
{
    return each_task(p, list, 16, put_ldoms, e);
}

static int spread(struct planning *p, enum affinity_level level)
{
    p->spread.level = level;
    affinity_spread(&p->spread, p->out->tasks, p->out->n);
    return 0;
}

static int cpu_sockets(struct planning *p, const char *list, struct err *e)
{
    return spread(p, LEVEL_SOCKET);
}

static int cpu_cores(struct planning *p, const char *list, struct err *e)
{
    return spread(p, LEVEL_CORE);
}

static int cpu_threads(struct planning *p, const char *list, struct err *e)
{
    return spread(p, LEVEL_THREAD);
}

static int cpu_ldoms(struct planning *p, const char *list, struct err *e)
{
    return spread(p, LEVEL_NUMA);
}

/* ---- what was not asked */

/* How many different numbers of a list the step's CPUs have. */
static uint32_t groups(const struct bits *cpus, const struct u32s *of)
{
    uint32_t n = 0;
    int64_t last = -1;

    BITS_FOREACH(cpu, cpus) {
        n += of->v[cpu] != last;
        last = of->v[cpu];
    }
    return n;
}

/* The first level of which the step has exactly as many as its tasks need; else what
 * TaskPluginParam=autobind= says; else a task may run on any CPU of the step. */
static int cpu_auto(struct planning *p, const char *list, struct err *e)
{
    const struct host_topology *t = p->ask->topology;
    const struct {
        uint32_t count;
        cpu_fn *fn;
        const char *autobind;
    } levels[] = {
        { groups(p->ask->cpus, &t->socket), cpu_sockets, "autobind=sockets" },
        { groups(p->ask->cpus, &t->core), cpu_cores, "autobind=cores" },
        { bits_count(p->ask->cpus), cpu_threads, "autobind=threads" },
    };

    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (levels[i].count == p->out->n * p->spread.cpus_per_task)
            return levels[i].fn(p, list, e);
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (strcasestr(p->ask->defaults, levels[i].autobind))
            return levels[i].fn(p, list, e);
    cpu_none(p, list, e);
    p->out->type = "mask_cpu:";
    return 0;
}

/* A default of TaskPluginParam that is not part of autobind=. */
static const char *default_type(const char *params)
{
    static const char *const words[] = { "none", "sockets", "cores", "threads" };

    for (const char *p = params; *p; p += strcspn(p, ","), p += *p == ',')
        for (size_t i = 0; i < COUNT_OF(words); i++)
            if (is_word(p, strcspn(p, ","), words[i]))
                return words[i];
    return "";
}

static int bind_by(struct planning *p, const char *text, struct err *e)
{
    size_t len = strcspn(text, ":,");

    if (!text[0])
        return cpu_auto(p, "", e);
    for (size_t i = 0; i < COUNT_OF(cpu_types); i++) {
        if (!is_word(text, len, cpu_types[i].word))
            continue;
        if (cpu_types[i].has_list && text[len] != ':')
            return err_set(e, EINVAL, "--cpu-bind: %s needs a list", cpu_types[i].word);
        p->out->label = cpu_types[i].label;
        return cpu_types[i].fn(p, text + len + (text[len] == ':'), e);
    }
    return err_set(e, EINVAL, "Unrecognized --cpu-bind argument \"%.60s\"", text);
}

/* "v," and "q," in front. */
static const char *volume(const char *text, bool *ret_is_verbose)
{
    static const struct {
        const char *word;
        bool is_verbose;
    } words[] = { { "v", true }, { "verbose", true }, { "q", false }, { "quiet", false } };
    size_t len = strcspn(text, ",");

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (is_word(text, len, words[i].word)) {
            *ret_is_verbose = words[i].is_verbose;
            return volume(text + len + (text[len] == ','), ret_is_verbose);
        }
    return text;
}

/* ---- memory */

static uint64_t nodes_of(const struct planning *p, const struct bits *cpus)
{
    uint64_t nodes = 0;

    BITS_FOREACH(cpu, cpus)
        nodes |= 1ull << (p->ask->topology->numa.v[cpu] & 63);
    return nodes;
}

static int memory_local(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t i = 0; i < p->out->n; i++)
        p->out->tasks[i].nodes = nodes_of(p, set_of(p, i));
    return 0;
}

static int memory_rank(struct planning *p, const char *list, struct err *e)
{
    for (uint32_t i = 0; i < p->out->n; i++)
        p->out->tasks[i].nodes = 1ull << (i % ldoms(p->ask->topology));
    return 0;
}

static int memory_map(struct planning *p, const char *list, struct err *e)
{
    uint64_t node = 0;
    int err = 0;

    for (uint32_t i = 0; i < p->out->n && err == 0; i++) {
        err = entry_of(list, i, 0, &node, e);
        p->out->tasks[i].nodes = node < 64 ? 1ull << node : 0;
    }
    return err;
}

static int memory_mask(struct planning *p, const char *list, struct err *e)
{
    int err = 0;

    for (uint32_t i = 0; i < p->out->n && err == 0; i++)
        err = entry_of(list, i, 16, &p->out->tasks[i].nodes, e);
    return err;
}

/* One word of --mem-bind; a list goes on to the end of the text. */
static int memory_word(struct planning *p, const char **text, enum affinity_memory *how,
                       struct err *e)
{
    size_t len = strcspn(*text, ":,");
    const char *word = *text;

    *text += len + ((*text)[len] == ',');
    if (is_word(word, len, "p") || is_word(word, len, "prefer"))
        *how = MEMORY_PREFER;
    else if (is_word(word, len, "sort"))
        p->out->is_mem_sorted = true;
    else if (!is_word(word, len, "nosort")) {
        for (size_t i = 0; i < COUNT_OF(memory_types); i++) {
            if (!is_word(word, len, memory_types[i].word))
                continue;
            p->out->mem_type = memory_types[i].word;
            *text += memory_types[i].has_list ? strlen(*text) : 0;
            return memory_types[i].fn ? memory_types[i].fn(p, word + len + 1, e) : 0;
        }
        return err_set(e, EINVAL, "Unrecognized --mem-bind argument \"%.60s\"", word);
    }
    return 0;
}

static int memory_plan(struct planning *p, struct err *e)
{
    const char *text = volume(p->ask->mem_bind, &p->out->is_mem_verbose);
    enum affinity_memory how = MEMORY_BIND;
    int err = 0;

    while (*text && err == 0)
        err = memory_word(p, &text, &how, e);
    for (uint32_t i = 0; i < p->out->n; i++)
        p->out->tasks[i].memory = p->out->tasks[i].nodes ? how : MEMORY_FREE;
    return err;
}

/* ---- the plan */

static enum affinity_order order_of(const char *word, size_t len, enum affinity_order otherwise)
{
    static const struct {
        const char *word;
        enum affinity_order order;
    } words[] = { { "block", ORDER_BLOCK },
                  { "cyclic", ORDER_CYCLIC },
                  { "fcyclic", ORDER_FCYCLIC } };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (is_word(word, len, words[i].word))
            return words[i].order;
    return otherwise;
}

/* node[:socket[:core]][,Pack|NoPack]: sockets are cyclic unless said, cores as the sockets. */
static void read_distribution(struct planning *p)
{
    const char *text = p->ask->distribution, *second = strchr(text, ':');

    p->spread.sockets = ORDER_CYCLIC;
    if (second)
        p->spread.sockets = order_of(second + 1, strcspn(second + 1, ":,"), ORDER_CYCLIC);
    const char *third = second ? strchr(second + 1, ':') : NULL;
    p->spread.cores = p->spread.sockets;
    if (third)
        p->spread.cores = order_of(third + 1, strcspn(third + 1, ":,"), p->spread.sockets);
}

/* --hint stands for a type of its own, and only without --cpu-bind. */
static const char *type_of_hint(const char *hint)
{
    static const char *const hints[][2] = {
        { "compute_bound", "cores" },
        { "memory_bound", "cores" },
        { "multithread", "threads" },
        { "nomultithread", "threads" },
    };

    for (size_t i = 0; i < COUNT_OF(hints); i++)
        if (strcasecmp(hint, hints[i][0]) == 0)
            return hints[i][1];
    return "";
}

static void prepare(struct planning *p)
{
    struct affinity *out = p->out;

    *out = (struct affinity){ .topology = p->ask->topology,
                              .n = p->ask->tasks,
                              .type = "mask_cpu:",
                              .label = "MASK",
                              .mem_type = "" };
    out->is_verbose = strcasestr(p->ask->defaults, "verbose") != NULL;
    out->tasks = xcalloc(out->n ? out->n : 1, sizeof *out->tasks);
    for (uint32_t i = 0; i < out->n; i++)
        bits_init(&out->tasks[i].cpus, p->ask->topology->os.n);
    p->spread.topology = p->ask->topology;
    p->spread.cpus = p->ask->cpus;
    p->spread.cpus_per_task = p->ask->cpus_per_task ? p->ask->cpus_per_task : 1;
}

int affinity_plan(const struct affinity_ask *ask, struct arena *a, struct affinity *ret,
                  struct err *e)
{
    struct planning p = { .ask = ask, .out = ret };

    prepare(&p);
    if (ask->topology->os.n == 0 || bits_count(ask->cpus) == 0) {
        ret->type = "none";
        return 0;
    }
    read_distribution(&p);
    const char *type = volume(ask->cpu_bind, &ret->is_verbose);
    if (!type[0])
        type = type_of_hint(ask->hint);
    if (!type[0])
        type = default_type(ask->defaults);
    int err = bind_by(&p, type, e);
    if (err == 0)
        err = memory_plan(&p, e);
    if (err < 0)
        affinity_fini(ret);
    return err;
}

void affinity_fini(struct affinity *p)
{
    for (uint32_t i = 0; p->tasks && i < p->n; i++)
        bits_fini(&p->tasks[i].cpus);
    free(p->tasks);
    *p = (struct affinity){ 0 };
}
