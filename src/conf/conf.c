/* Loading a configuration and reading values out of it.  A file is read whole or not at all: the
 * struct conf is handed out only when every line, and the file as a whole, made sense. */
#include "conf/internal.h"
#include "base/cleanup.h"
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MUNGE_SOCKET "/run/munge/munge.socket.2"

static int slurm_line(void *arg, const struct conf_line *line, struct err *e);
static int dbd_line(void *arg, const struct conf_line *line, struct err *e);
static int slurm_check(struct conf *c, struct err *e);
static void old_hosts(struct conf *c);

void conf_freep(struct conf **c)
{
    conf_free(*c);
}

struct conf *conf_new(const struct conf_key *keys, uint32_t n)
{
    struct conf *c = xcalloc(1, sizeof *c);

    c->arena = xcalloc(1, sizeof *c->arena);
    c->keys = keys;
    c->key_count = n;
    c->node_default = (struct conf_node){
        .hostname = "",
        .address = "",
        .features = "",
        .gres = "",
        .state = "UNKNOWN",
        .reason = "",
        .cpu_spec_list = "",
        .real_memory_mb = 1,
        .weight = 1,
    };
    conf_part_defaults(c);
    conf_keys_init(c);
    return c;
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    smap_fini(&c->node_names);
    arena_fini(c->arena);
    free(c->arena);
    free(c);
}

int conf_read(struct conf *c, const char *path, conf_line_fn each, struct err *e)
{
    struct conf_parser p = { .arena = c->arena, .each = each, .arg = c, .cluster = &c->cluster };

    c->path = arena_strdup(c->arena, path);
    int r = conf_parse_file(&p, path, e);
    snprintf(c->hash, sizeof c->hash, "%016" PRIx64 "%016" PRIx64, p.hash[0], p.hash[1]);
    return r;
}

int conf_load(const char *path, struct conf **ret, struct err *e)
{
    CLEANUP(conf_freep) struct conf *c = conf_new(conf_slurm_keys, conf_slurm_key_count);

    int r = conf_read(c, path, slurm_line, e);
    if (r == 0 && (r = slurm_check(c, e)) < 0)
        r = err_at(e, r, "%s", path);
    if (r < 0)
        return r;
    conf_nodes_finish(c);
    r = conf_parts_finish(c, e);
    if (r == 0)
        r = conf_topology_read(c, e);
    if (r < 0)
        return r;
    *ret = TAKE(c);
    return 0;
}

int conf_load_keys(const char *path, struct conf **ret, struct err *e)
{
    CLEANUP(conf_freep) struct conf *c = conf_new(conf_slurm_keys, conf_slurm_key_count);

    c->keys_only = true;
    int r = conf_read(c, path, slurm_line, e);
    if (r == 0 && (r = slurm_check(c, e)) < 0)
        r = err_at(e, r, "%s", path);
    if (r < 0)
        return r;
    *ret = TAKE(c);
    return 0;
}

int conf_load_dbd(const char *path, struct conf **ret, struct err *e)
{
    CLEANUP(conf_freep) struct conf *c = conf_new(conf_dbd_keys, conf_dbd_key_count);
    struct stat st;

    if (stat(path, &st) < 0)
        return err_errno(e, "%s", path);
    if (st.st_mode & 077)
        return err_set(e, EPERM, "%s: mode %04o lets others read the password; run: chmod 600 %s",
                       path, (unsigned)st.st_mode & 07777, path);
    int r = conf_read(c, path, dbd_line, e);
    if (r < 0)
        return r;
    *ret = TAKE(c);
    return 0;
}

static int dbd_line(void *arg, const struct conf_line *line, struct err *e)
{
    return conf_key_set(arg, line, e);
}

/* Keys that open a record of several pairs. */
static int slurm_line(void *arg, const struct conf_line *line, struct err *e)
{
    static const struct {
        const char *key;
        int (*read)(struct conf *c, const struct conf_line *line, struct err *e);
    } records[] = {
        { "NodeName", conf_node_line },
        { "PartitionName", conf_part_line },
        { "NodeSet", conf_node_set_line },
        { "DownNodes", conf_down_line },
    };
    struct conf *c = arg;

    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        if (strcasecmp(line->pairs[0].key, records[i].key) == 0)
            return c->keys_only ? 0 : records[i].read(c, line, e);
    return conf_key_set(c, line, e);
}

/* What no cluster can do without. */
static int slurm_check(struct conf *c, struct err *e)
{
    old_hosts(c);
    if (!c->cluster || !*c->cluster)
        return err_set(e, EINVAL, "ClusterName is missing; add a line as in ClusterName=cluster");
    if (c->host_count == 0)
        return err_set(e, EINVAL, "SlurmctldHost is missing; add a line as in SlurmctldHost=%s",
                       "head(10.0.0.1)");
    if (!c->keys_only && c->node_count == 0 && conf_u32(c, "MaxNodeCount") == 0)
        return err_set(e, EINVAL,
                       "no NodeName line; add one (slurmd -C prints it), or MaxNodeCount="
                       " for nodes that come later");
    return 0;
}

/* ControlMachine and BackupController, as they were before SlurmctldHost. */
static void old_hosts(struct conf *c)
{
    static const char *const names[][2] = { { "ControlMachine", "ControlAddr" },
                                            { "BackupController", "BackupAddr" } };

    if (c->host_count > 0 || !conf_is_set(c, "ControlMachine"))
        return;
    c->hosts = arena_calloc(c->arena, 2, sizeof *c->hosts);
    for (int i = 0; i < 2; i++) {
        const char *name = conf_str(c, names[i][0]), *address = conf_str(c, names[i][1]);
        if (*name)
            c->hosts[c->host_count++] = (struct conf_host){ name, *address ? address : name };
    }
}

const char *conf_default_path(const char *option)
{
    const char *env = getenv("SLURM_CONF");

    if (option && *option)
        return option;
    return env && *env ? env : SYSCONFDIR "/slurm.conf";
}

/* A key that no table has is a mistake of ours, not of the file. */
static const struct conf_value *value_of(const struct conf *c, const char *key)
{
    int at = conf_key_index(c, key);

    assert(at >= 0);
    return &c->values[at];
}

const struct strs *conf_warnings(const struct conf *c)
{
    return &c->warnings;
}

const char *conf_str(const struct conf *c, const char *key)
{
    return value_of(c, key)->text;
}

uint32_t conf_u32(const struct conf *c, const char *key)
{
    return value_of(c, key)->num;
}

bool conf_is_set(const struct conf *c, const char *key)
{
    return value_of(c, key)->set;
}

/* The rest of the list behind a word, or NULL when the word is not in it. */
static const char *behind_word(const struct conf *c, const char *key, const char *word)
{
    size_t len = strlen(word);

    for (const char *w = conf_str(c, key); *w; w += strcspn(w, ","), w += *w == ',') {
        w += strspn(w, " ");
        if (strncasecmp(w, word, len) == 0 && strchr(",=", w[len]))
            return w + len;
    }
    return NULL;
}

bool conf_flag(const struct conf *c, const char *key, const char *word)
{
    return behind_word(c, key, word) != NULL;
}

const char *conf_param(const struct conf *c, const char *key, const char *word)
{
    const char *rest = behind_word(c, key, word);

    if (!rest || *rest != '=')
        return NULL;
    return arena_strndup(c->arena, rest + 1, strcspn(rest + 1, ","));
}

const char *conf_path(const struct conf *c)
{
    return c->path;
}

const char *conf_hash(const struct conf *c)
{
    return c->hash;
}

uint32_t conf_controllers(const struct conf *c, const struct conf_host **ret)
{
    *ret = c->hosts;
    return c->host_count;
}

const char *conf_munge_socket(const struct conf *c)
{
    const char *socket = conf_param(c, "AuthInfo", "socket");

    return socket ? socket : MUNGE_SOCKET;
}

const char *conf_dbd_munge_socket(const struct conf *c)
{
    const char *pass = conf_str(c, "AccountingStoragePass");

    return *pass == '/' ? pass : conf_munge_socket(c);
}

int conf_slurm_uid(const struct conf *c, uid_t *ret, struct err *e)
{
    const char *name = conf_str(c, "SlurmUser");
    const struct passwd *pw = getpwnam(name);
    uint32_t uid = 0;

    if (!pw && conf_number(name, &uid) < 0)
        return err_set(e, ENOENT,
                       "%s: SlurmUser=%.60s: there is no such user; create it, or name one"
                       " that exists",
                       c->path, name);
    *ret = pw ? pw->pw_uid : uid;
    return 0;
}

char *conf_node_path(const struct conf *c, const char *key, const char *node, struct arena *a)
{
    const struct conf_node *n = conf_find_node(c, node);
    const char *host = n ? n->hostname : node;
    char *out = arena_strdup(a, "");

    for (const char *s = conf_str(c, key); *s;) {
        size_t plain = strcspn(s, "%");
        const char *word = NULL;
        out = arena_printf(a, "%s%.*s", out, (int)plain, s);
        s += plain;
        if (*s == '\0')
            break;
        word = s[1] == 'n' ? node : s[1] == 'h' ? host : s[1] == '%' ? "%" : NULL;
        out = arena_printf(a, "%s%s", out, word ? word : "%");
        s += word ? 2 : 1;
    }
    return out;
}

const struct conf_node *conf_find_node(const struct conf *c, const char *name)
{
    uintptr_t at = (uintptr_t)smap_get(&c->node_names, name);

    return at ? &c->nodes[at - 1] : NULL;
}

/* By NodeName first, then by NodeHostname; "host.domain" is also looked for as "host". */
const struct conf_node *conf_node_of_host(const struct conf *c, const char *hostname)
{
    char host[256];

    snprintf(host, sizeof host, "%.*s", (int)strcspn(hostname, "."), hostname);
    const char *const tries[] = { hostname, host };
    for (int t = 0; t < 2; t++) {
        const struct conf_node *n = conf_find_node(c, tries[t]);
        for (uint32_t i = 0; i < c->node_count && !n; i++)
            if (strcmp(c->nodes[i].hostname, tries[t]) == 0)
                n = &c->nodes[i];
        if (n)
            return n;
    }
    return NULL;
}

void conf_warn(struct conf *c, const struct conf_line *at, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->warnings.v = conf_grow(c->arena, c->warnings.v, c->warnings.n, sizeof *c->warnings.v);
    c->warnings.v[c->warnings.n++] =
        arena_printf(c->arena, "%s:%u: %s", at->file, at->number, text);
}

void *conf_grow(struct arena *a, void *v, uint32_t n, size_t size)
{
    bool full = n == 0 || (n >= 8 && (n & (n - 1)) == 0);

    if (!full)
        return v;
    void *bigger = arena_calloc(a, n ? 2 * (size_t)n : 8, size);
    return n ? memcpy(bigger, v, n * size) : bigger;
}
