/* What the values of options mean: about forty small readers over the members of struct opts.
 * Slurm's words come first, for scripts that grep; a hint with a good value follows in a line of
 * its own.
 *
 * Slurm exits with 255 where it says "Invalid --x specification" and with 1 where it says "Invalid
 * numeric value"; opts.c presets the former. */
#include "cli/opts.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hostlist.h"
#include "base/times.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMBER(o, opt, type) ((type *)((char *)(o) + (opt)->offset))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define READ(name) \
    int opts_parse_##name(struct opts *o, const struct opt *opt, const char *arg, struct err *e)

static int bad_spec(const struct opt *opt, struct err *e, const char *hint);
static int bad_number(struct opts *o, const char *what, const char *arg, struct err *e);
static int number(const char *arg, int64_t low, int64_t high, int64_t *ret);
static bool in_list(const char *const *words, size_t n, const char *word, size_t len);
static int all_in_list(const char *arg, const char *const *words, size_t n);

static int bad_spec(const struct opt *opt, struct err *e, const char *hint)
{
    return err_set(e, EINVAL, "Invalid --%s specification%s%s", opt->name, hint ? "\n" : "",
                   hint ? hint : "");
}

static int bad_number(struct opts *o, const char *what, const char *arg, struct err *e)
{
    o->exit_code = 1;
    return err_set(e, EINVAL, "Invalid numeric value \"%s\" for %s.", arg, what);
}

static int number(const char *arg, int64_t low, int64_t high, int64_t *ret)
{
    char *end = NULL;

    errno = 0;
    int64_t n = strtoll(arg, &end, 10);
    if (errno || end == arg || *end || n < low || n > high)
        return -EINVAL;
    *ret = n;
    return 0;
}

static bool in_list(const char *const *words, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
            return true;
    return false;
}

/* Whether every part of a comma list is one of the words. */
static int all_in_list(const char *arg, const char *const *words, size_t n)
{
    for (const char *w = arg;; w++) {
        size_t len = strcspn(w, ",");
        if (!in_list(words, n, w, len))
            return -EINVAL;
        w += len;
        if (*w == '\0')
            return 0;
    }
}

READ(text)
{
    *MEMBER(o, opt, const char *) = arg ? arg : "";
    return 0;
}

READ(optional)
{
    *MEMBER(o, opt, const char *) = arg ? arg : "";
    return 0;
}

/* The content of a small file, as the value. */
READ(file)
{
    char text[65536];
    CLEANUP(closep) int fd = open(arg, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    o->exit_code = 1;
    if (n < 0)
        return bad_spec(opt, e, "the file cannot be read");
    text[n] = '\0';
    *MEMBER(o, opt, const char *) = arena_strdup(o->arena, text);
    return 0;
}

/* Also from the environment, where the value may be empty, yes, no, 0 or 1. */
READ(flag)
{
    static const char *const no[] = { "no", "0", "false" };

    *MEMBER(o, opt, bool) = !arg || !in_list(no, COUNT(no), arg, strlen(arg));
    return 0;
}

READ(more)
{
    ++*MEMBER(o, opt, uint32_t);
    return 0;
}

READ(yes)
{
    *MEMBER(o, opt, struct opt_bool) = (struct opt_bool){ true, true };
    return 0;
}

READ(no)
{
    *MEMBER(o, opt, struct opt_bool) = (struct opt_bool){ true, false };
    return 0;
}

READ(yes_no)
{
    bool yes = strcasecmp(arg, "yes") == 0;

    if (!yes && strcasecmp(arg, "no") != 0)
        return bad_spec(opt, e, "give yes or no");
    *MEMBER(o, opt, struct opt_bool) = (struct opt_bool){ true, yes };
    return 0;
}

READ(zero_one)
{
    int64_t n = 1;

    if (arg && *arg && number(arg, 0, 1, &n) < 0)
        return bad_number(o, opt->name, arg, e);
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)n };
    return 0;
}

READ(zero_one_opt)
{
    char what[64];
    int64_t n = 1;

    snprintf(what, sizeof what, "--%s", opt->name);
    if (arg && *arg && number(arg, 0, 1, &n) < 0)
        return bad_number(o, what, arg, e);
    *MEMBER(o, opt, struct opt_bool) = (struct opt_bool){ true, n != 0 };
    return 0;
}

/* --no-kill=off takes an earlier --no-kill back. */
READ(no_kill)
{
    bool off = arg && (strcasecmp(arg, "off") == 0 || strcasecmp(arg, "no") == 0);

    if (arg && *arg && !off && o->source == OPTS_COMMAND)
        return bad_spec(opt, e, "give off, or nothing");
    *MEMBER(o, opt, struct opt_bool) = (struct opt_bool){ true, !off };
    return 0;
}

static int count_from(struct opts *o, const struct opt *opt, const char *arg, int64_t low,
                      struct err *e)
{
    char what[64];
    int64_t n = 0;

    snprintf(what, sizeof what, "--%s", opt->name);
    if (number(arg, low, INT32_MAX, &n) < 0)
        return bad_number(o, what, arg, e);
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)n };
    return 0;
}

READ(count)
{
    return count_from(o, opt, arg, 1, e);
}

READ(count0)
{
    return count_from(o, opt, arg, 0, e);
}

READ(octal)
{
    char *end = NULL;
    unsigned long mask = strtoul(arg, &end, 8);

    if (end == arg || *end || mask > 0777)
        return bad_spec(opt, e, "give an octal mask from 0 to 0777");
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)mask };
    return 0;
}

READ(minutes)
{
    uint32_t min = 0;

    if (times_parse_minutes(arg, &min, NULL) < 0)
        return bad_spec(opt, e, "good values: 30, 1:30:00 (h:m:s), 2-12 (days-hours), UNLIMITED");
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, min };
    return 0;
}

READ(begin)
{
    int64_t t = 0;

    if (times_parse_point(arg, o->now, 0, &t, NULL) < 0)
        return bad_spec(opt, e, "good values: 16:00, tomorrow, now+1hour, 2030-01-20T12:34:00");
    *MEMBER(o, opt, struct opt_i64) = (struct opt_i64){ true, t };
    return 0;
}

READ(mem)
{
    uint64_t mb = 0;

    if (times_parse_size_mb(arg, 'M', &mb, NULL) < 0)
        return bad_spec(opt, e, "good values: 4000 (megabytes), 4G, 1T; the suffixes are K M G T");
    *MEMBER(o, opt, struct opt_u64) = (struct opt_u64){ true, mb };
    return 0;
}

/* A node count with K or M for 1024 and 1048576, as Slurm reads it. */
static int node_count(const char *arg, size_t len, uint32_t *ret, struct err *e)
{
    char text[32], *end = NULL;

    snprintf(text, sizeof text, "%.*s", (int)(len < 31 ? len : 31), arg);
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    bool ok = isdigit((unsigned char)*text) && !errno && len < 31;
    unsigned shift = toupper((unsigned char)*end) == 'K'   ? 10
                     : toupper((unsigned char)*end) == 'M' ? 20
                                                           : 0;
    if (!ok || (*end && (!shift || end[1])) || n > (UINT32_MAX >> shift))
        return err_set(e, EINVAL,
                       "\"%.30s\" is not a valid node count\n"
                       "good values: 4, or a range as in 2-4",
                       text);
    *ret = (uint32_t)(n << shift);
    return 0;
}

READ(nodes)
{
    size_t dash = strcspn(arg, "-");
    uint32_t low = 0, high = 0;

    int r = node_count(arg, dash, &low, e);
    high = low;
    if (r == 0 && arg[dash])
        r = node_count(arg + dash + 1, strlen(arg + dash + 1), &high, e);
    if (r < 0)
        return r;
    if (high < low)
        return err_set(e, EINVAL, "Maximum node count %u is less than minimum node count %u", high,
                       low);
    o->job.min_nodes = (struct opt_u32){ true, low };
    o->job.max_nodes = (struct opt_u32){ arg[dash] != '\0', high };
    return 0;
}

READ(nice)
{
    int64_t n = 100;

    if (arg && *arg) {
        errno = 0;
        n = strtoll(arg, NULL, 10);
        if (errno || n > 2147483645 || n < -2147483645)
            return err_set(e, EINVAL, "Invalid --nice value, out of range (+/- 2147483645)");
    }
    *MEMBER(o, opt, struct opt_i64) = (struct opt_i64){ true, n };
    return 0;
}

READ(priority)
{
    int64_t n = 0;

    if (strcasecmp(arg, "TOP") == 0)
        n = UINT32_MAX - 1;
    else if (number(arg, 0, UINT32_MAX - 1, &n) < 0)
        return bad_spec(opt, e, "give a number from 0 to 4294967294, or TOP");
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)n };
    return 0;
}

READ(immediate)
{
    int64_t n = 1;

    if (arg && *arg && number(arg, 0, INT32_MAX, &n) < 0)
        return bad_number(o, "--immediate", arg, e);
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)n };
    return 0;
}

READ(ports)
{
    int64_t n = 0;

    if (arg && *arg && number(arg, 1, 65535, &n) < 0)
        return bad_number(o, "--resv-ports", arg, e);
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, (uint32_t)n };
    return 0;
}

static int signal_number(const char *name)
{
    int64_t n = 0;

    if (number(name, 1, 64, &n) == 0)
        return (int)n;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *abbrev = sigabbrev_np(i);
        if (abbrev && strcasecmp(abbrev, name) == 0)
            return i;
    }
    return -EINVAL;
}

/* [[R][B]:]signal[@seconds], seconds 60 unless given, below 65536. */
READ(signal)
{
    static const char *const good = "good values: USR1, B:USR2@60, R:10@120";
    const char *colon = strchr(arg, ':'), *name = colon ? colon + 1 : arg;
    size_t flags = colon ? (size_t)(colon - arg) : 0;
    char text[16];
    int64_t before = 60;

    if (strspn(arg, "RBrb") < flags || flags > 2)
        return bad_spec(opt, e, good);
    const char *at = strchr(name, '@');
    if (at && at[1] && number(at + 1, 0, 65535, &before) < 0)
        return bad_spec(opt, e, good);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(name, "@"), name);
    int n = signal_number(text);
    if (n < 0)
        return bad_spec(opt, e, good);
    char *upper = arena_strndup(o->arena, arg, flags);
    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    o->job.signal_flags = upper;
    o->job.signal_num = (struct opt_u32){ true, (uint32_t)n };
    o->job.signal_before_s = (struct opt_u32){ true, (uint32_t)before };
    return 0;
}

/* Slurm passes over words it does not know as long as it knows one. */
READ(mail_type)
{
    static const char *const types[] = {
        "NONE",          "BEGIN",          "END",         "FAIL",       "REQUEUE",
        "ALL",           "INVALID_DEPEND", "STAGE_OUT",   "TIME_LIMIT", "TIME_LIMIT_90",
        "TIME_LIMIT_80", "TIME_LIMIT_50",  "ARRAY_TASKS",
    };

    struct buf known = { 0 };

    for (const char *w = arg; *w; w += strcspn(w, ","), w += *w == ',') {
        size_t len = strcspn(w, ",");
        if (in_list(types, COUNT(types), w, len))
            buf_printf(&known, "%s%.*s", known.len ? "," : "", (int)len, w);
    }
    const char *list = arena_strdup(o->arena, buf_str(&known));
    buf_fini(&known);
    if (!*list)
        return bad_spec(opt, e,
                        "good values: NONE, BEGIN, END, FAIL, REQUEUE, ALL, INVALID_DEPEND,"
                        " TIME_LIMIT, TIME_LIMIT_90, TIME_LIMIT_80, TIME_LIMIT_50,"
                        " ARRAY_TASKS, or several parted by commas");
    return opts_parse_text(o, opt, list, e);
}

READ(exclusive)
{
    static const char *const words[] = { "user", "mcs", "topo", "exclusive" };

    if (!arg || !*arg)
        arg = "exclusive";
    if (!in_list(words, COUNT(words), arg, strlen(arg)))
        return bad_spec(opt, e, "good values: nothing, user, mcs");
    return opts_parse_text(o, opt, arg, e);
}

READ(open_mode)
{
    static const char *const modes[] = { "append", "truncate" };

    for (int i = 0; i < 2 && *arg; i++)
        if (strncasecmp(modes[i], arg, strlen(arg)) == 0)
            return opts_parse_text(o, opt, modes[i], e);
    return bad_spec(opt, e, "give append or truncate");
}

READ(uid)
{
    const struct passwd *pw = getpwnam(arg);
    int64_t n = 0;

    if (!pw && number(arg, 0, UINT32_MAX - 1, &n) < 0)
        return bad_spec(opt, e, "there is no such user");
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, pw ? pw->pw_uid : (uint32_t)n };
    return 0;
}

READ(gid)
{
    const struct group *gr = getgrnam(arg);
    int64_t n = 0;

    if (!gr && number(arg, 0, UINT32_MAX - 1, &n) < 0)
        return bad_spec(opt, e, "there is no such group");
    *MEMBER(o, opt, struct opt_u32) = (struct opt_u32){ true, gr ? gr->gr_gid : (uint32_t)n };
    return 0;
}

/* name[:type][:count] of one resource; the count must be a number with an optional K, M or G. */
static bool is_gres(const char *w, size_t len)
{
    size_t last = len;

    while (last > 0 && w[last - 1] != ':' && w[last - 1] != '=')
        last--;
    if (len == 0 || w[0] == ':')
        return false;
    if (last == 0)
        return isalpha((unsigned char)w[0]);
    const char *count = w + last;
    size_t digits = strspn(count, "0123456789"), rest = len - last;
    bool counted =
        digits > 0 && (digits == rest || (digits + 1 == rest && strchr("KMGTkmgt", count[digits])));
    return counted || (rest > 0 && memchr(w, ':', last - 1) == NULL);
}

static int gres_list(struct opts *o, const struct opt *opt, const char *arg, struct err *e)
{
    for (const char *w = arg;; w++) {
        size_t len = strcspn(w, ",");
        if (len > 0 && !is_gres(w, len)) {
            o->exit_code = 1;
            return err_set(e, EINVAL,
                           "Invalid generic resource (gres) specification\n"
                           "--%s=%.60s: good values: gpu:2, gpu:a100:1, gpu:1,shard:4",
                           opt->name, arg);
        }
        w += len;
        if (*w == '\0')
            return 0;
    }
}

/* --gres and --gpus-per-node fill one member and add up; the same option again replaces.  Each
 * piece is kept as Slurm shows it: gres:gpu:2. */
static int add_tres(struct opts *o, const struct opt *opt, const char *text)
{
    const char **member = MEMBER(o, opt, const char *);
    bool joins = **member && !opts_is_set(o, opt->name);

    struct buf out = { 0 };
    if (joins)
        buf_puts(&out, *member);
    for (const char *w = text; *w; w += strcspn(w, ","), w += *w == ',')
        buf_printf(&out, "%s%s%.*s", out.len ? "," : "", strncmp(w, "gres", 4) == 0 ? "" : "gres:",
                   (int)strcspn(w, ","), w);
    *member = arena_strdup(o->arena, buf_str(&out));
    buf_fini(&out);
    return 0;
}

READ(gres)
{
    int r = gres_list(o, opt, arg, e);

    return r < 0 ? r : add_tres(o, opt, arg);
}

/* A bare number, or type:number, means GPUs. */
READ(gpus)
{
    struct buf out = { 0 };

    for (const char *w = arg; *w; w += strcspn(w, ","), w += *w == ',') {
        int len = (int)strcspn(w, ",");
        buf_printf(&out, "%s%s%.*s", out.len ? "," : "",
                   strncmp(w, "gpu", 3) == 0 && (w[3] == ':' || w[3] == '=') ? "" : "gpu:", len, w);
    }
    const char *text = arena_strdup(o->arena, buf_str(&out));
    buf_fini(&out);
    const char *last = strrchr(arg, ':');
    if (!isdigit((unsigned char)*(last ? last + 1 : arg)))
        text = "gpu:x:y"; /* no count: refused below */
    int r = gres_list(o, opt, text, NULL);
    if (r < 0) {
        o->exit_code = 1;
        return err_set(e, EINVAL,
                       "Invalid generic resource (gres) specification\n"
                       "--%s=%.60s: good values: 2, a100:1",
                       opt->name, arg);
    }
    return add_tres(o, opt, text);
}

READ(gres_flags)
{
    static const char *const words[] = {
        "disable-binding",      "enforce-binding",
        "allow-task-sharing",   "multiple-tasks-per-sharing",
        "one-task-per-sharing",
    };

    if (all_in_list(arg, words, COUNT(words)) < 0)
        return bad_spec(opt, e, "give disable-binding, enforce-binding or allow-task-sharing");
    return opts_parse_text(o, opt, arg, e);
}

READ(gpu_bind)
{
    static const char *const words[] = { "closest", "none",    "per_task",
                                         "single",  "map_gpu", "mask_gpu" };
    const char *v = strncasecmp(arg, "verbose,", 8) == 0 ? arg + 8
                    : strncasecmp(arg, "v,", 2) == 0     ? arg + 2
                                                         : arg;

    if (!in_list(words, COUNT(words), v, strcspn(v, ":")))
        return err_set(e, EINVAL,
                       "Invalid --gpu-bind argument: gpu:%.80s\n"
                       "good values: closest, none, per_task:n, single:n, map_gpu:list,"
                       " mask_gpu:list",
                       arg);
    return opts_parse_text(o, opt, arg, e);
}

READ(switches)
{
    char text[32];
    int64_t n = 0;
    uint32_t wait = 0;
    const char *at = strchr(arg, '@');

    snprintf(text, sizeof text, "%.*s", (int)strcspn(arg, "@"), arg);
    if (number(text, 1, INT32_MAX, &n) < 0)
        return bad_number(o, "--switches", text, e);
    if (at && times_parse_seconds(at + 1, &wait, NULL) < 0)
        return bad_spec(opt, e, "good values: 1, 2@30:00");
    o->job.switches = (struct opt_u32){ true, (uint32_t)n };
    o->job.switches_wait_s = (struct opt_u32){ at != NULL, wait };
    return 0;
}

/* sockets[:cores[:threads]]; "*" leaves one open. */
READ(extra_node_info)
{
    static const char *const which[] = { "first arg of -B", "second arg of -B", "third arg of -B" };
    struct opt_u32 *const into[] = { &o->job.sockets_per_node, &o->job.cores_per_socket,
                                     &o->job.threads_per_core };

    for (int i = 0; i < 3; i++) {
        char text[32];
        int64_t n = 0;
        snprintf(text, sizeof text, "%.*s", (int)strcspn(arg, ":"), arg);
        if (strcmp(text, "*") != 0 && number(text, 1, 65535, &n) < 0)
            return bad_number(o, which[i], text, e);
        *into[i] = (struct opt_u32){ n > 0, (uint32_t)n };
        arg += strcspn(arg, ":");
        if (*arg++ == '\0')
            return 0;
    }
    return bad_spec(opt, e, "good values: 2, 2:8, *:8:1");
}

READ(hint)
{
    static const char *const words[] = { "compute_bound", "memory_bound", "multithread",
                                         "nomultithread" };

    o->exit_code = 1;
    if (all_in_list(arg, words, COUNT(words)) < 0)
        return err_set(e, EINVAL,
                       "unrecognized --hint argument \"%.80s\", see --hint=help\n"
                       "good values: compute_bound, memory_bound, multithread,"
                       " nomultithread",
                       arg);
    return opts_parse_text(o, opt, arg, e);
}

READ(distribution)
{
    static const char *const words[] = {
        "block", "cyclic", "arbitrary", "plane", "fcyclic", "pack", "nopack", "unk", "*",
    };

    for (const char *w = arg;; w++) {
        size_t len = strcspn(w, ":,=");
        if (!in_list(words, COUNT(words), w, len))
            return bad_spec(opt, e, "good values: block, cyclic, block:cyclic, plane=4, arbitrary");
        bool sized = w[len] == '=' && isdigit((unsigned char)w[len + 1]);
        if (len == 5 && strncasecmp(w, "plane", 5) == 0 && !sized)
            return err_set(e, EINVAL,
                           "Invalid plane size or size not specified\ngood value: plane=4");
        w += len;
        if (*w == '=')
            w += 1 + strspn(w + 1, "0123456789");
        if (*w == '\0')
            break;
    }
    return opts_parse_text(o, opt, arg, e);
}

READ(mem_bind)
{
    static const char *const words[] = {
        "none", "no",   "rank",   "local", "map_mem", "mask_mem", "help", "prefer",
        "p",    "sort", "nosort", "quiet", "q",       "verbose",  "v",
    };

    if (!in_list(words, COUNT(words), arg, strcspn(arg, ",:")))
        return err_set(e, EINVAL,
                       "unrecognized --mem-bind argument \"%.80s\"\n"
                       "good values: none, local, rank, map_mem:list, mask_mem:list",
                       arg);
    return opts_parse_text(o, opt, arg, e);
}

READ(profile)
{
    static const char *const words[] = { "none", "all", "energy", "task", "lustre", "network" };

    if (all_in_list(arg, words, COUNT(words)) < 0)
        return err_set(e, EINVAL,
                       "invalid --profile=%.80s option\n"
                       "good values: none, all, energy, task, lustre, network",
                       arg);
    return opts_parse_text(o, opt, arg, e);
}

READ(propagate)
{
    static const char *const words[] = {
        "ALL",           "NONE",         "AS",           "CORE",         "CPU",
        "DATA",          "FSIZE",        "MEMLOCK",      "NOFILE",       "NPROC",
        "RSS",           "STACK",        "RLIMIT_AS",    "RLIMIT_CORE",  "RLIMIT_CPU",
        "RLIMIT_DATA",   "RLIMIT_RSS",   "RLIMIT_STACK", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK",
        "RLIMIT_NOFILE", "RLIMIT_NPROC",
    };

    if (!arg || !*arg)
        arg = "ALL";
    o->exit_code = 1;
    if (all_in_list(arg, words, COUNT(words)) < 0)
        return err_set(e, EINVAL,
                       "--propagate=%.80s is not valid.\n"
                       "good values: ALL, NONE, or some of AS CORE CPU DATA FSIZE MEMLOCK"
                       " NOFILE NPROC RSS STACK parted by commas",
                       arg);
    return opts_parse_text(o, opt, arg, e);
}

/* [seconds][S|L]; empty is remembered as 0. */
READ(get_user_env)
{
    size_t digits = arg ? strspn(arg, "0123456789") : 0;

    if (arg && arg[digits] && (!strchr("SLsl", arg[digits]) || arg[digits + 1]))
        return bad_spec(opt, e, "good values: nothing, 10, 10L, S");
    return opts_parse_text(o, opt, arg && *arg ? arg : "0", e);
}

/* A file of host names, by blanks, commas or lines. */
READ(nodefile)
{
    if (opts_parse_file(o, opt, arg, NULL) < 0) {
        o->exit_code = 255;
        return err_set(e, ENOENT, "Invalid --nodefile node file\n%.200s: %s", arg,
                       strerror(ENOENT));
    }
    char *list = arena_strdup(o->arena, o->job.req_nodes);
    for (char *p = list; *p; p++)
        *p = isspace((unsigned char)*p) ? ',' : *p;
    o->job.req_nodes = list;
    return 0;
}

READ(x11)
{
    static const char *const words[] = { "all", "batch", "first", "last" };

    if (!arg || !*arg)
        arg = "batch";
    if (!in_list(words, COUNT(words), arg, strlen(arg)))
        return bad_spec(opt, e, "give all, batch, first or last");
    return opts_parse_text(o, opt, arg, e);
}
