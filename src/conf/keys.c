/* Keys with one value: the tables, and what each kind of value accepts.  NodeName, PartitionName
 * and their like are records and live in nodes.c and parts.c. */
#include "conf/internal.h"
#include "base/times.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KEY(name, kind, fallback, use, help) { #name, CONF_##kind, fallback, use, help },
const struct conf_key conf_slurm_keys[] = {
#include "schema/conf_slurm.def"
};
const uint32_t conf_slurm_key_count = COUNT(conf_slurm_keys);
const struct conf_key conf_dbd_keys[] = {
#include "schema/conf_dbd.def"
};
const uint32_t conf_dbd_key_count = COUNT(conf_dbd_keys);
const struct conf_key conf_cgroup_keys[] = {
#include "schema/conf_cgroup.def"
};
const uint32_t conf_cgroup_key_count = COUNT(conf_cgroup_keys);
#undef KEY

static const struct {
    const char *key, *words;
} choices[] = {
#define CHOICE(key, words) { #key, words },
#include "schema/conf_choice.def"
#undef CHOICE
};

static int text_value(const char *text, struct conf_value *v);
static int path_value(const char *text, struct conf_value *v);
static int num_value(const char *text, struct conf_value *v);
static int ratio_value(const char *text, struct conf_value *v);
static int port_value(const char *text, struct conf_value *v);
static int ports_value(const char *text, struct conf_value *v);
static int bool_value(const char *text, struct conf_value *v);
static int span_value(const char *text, struct conf_value *v);
static int level_value(const char *text, struct conf_value *v);

/* What a kind accepts: a reader, and the words that mend a wrong value. */
static const struct {
    int (*read)(const char *text, struct conf_value *v);
    const char *wanted;
} kinds[] = {
    [CONF_text] = { text_value, "" },
    [CONF_path] = { path_value, "give an absolute path, it must begin with /" },
    [CONF_num] = { num_value, "give a number from 0 to 4294967294, or UNLIMITED" },
    [CONF_sec] = { num_value, "give a number of seconds" },
    [CONF_sec_inf] = { num_value, "give a number of seconds, or INFINITE" },
    [CONF_min] = { num_value, "give a number of minutes, or UNLIMITED" },
    [CONF_usec] = { num_value, "give a number of microseconds" },
    [CONF_percent] = { num_value, "give a number of percent" },
    [CONF_ratio] = { ratio_value, "give a number of percent, 95.5 for example" },
    [CONF_rate] = { num_value, "give a number of nodes for each minute, 0 for no limit" },
    [CONF_port] = { port_value, "give a port from 1 to 65535" },
    [CONF_ports] = { ports_value, "give a port from 1 to 65535, or a range as in 6817-6820" },
    [CONF_bool] = { bool_value, "give 1 or 0 (or YES, NO)" },
    [CONF_yesno] = { bool_value, "give YES or NO" },
    [CONF_span] = { span_value, "give a time: minutes, hours:minutes:seconds, days-hours" },
    [CONF_mem] = { num_value, "give a number of megabytes, or UNLIMITED" },
    [CONF_level] = { level_value,
                     "give one of: quiet fatal error info verbose debug debug2 debug3" },
    [CONF_user] = { text_value, "" },
    [CONF_choice] = { text_value, "" },
    [CONF_info] = { text_value, "" },
};

int conf_key_index(const struct conf *c, const char *name)
{
    for (uint32_t i = 0; i < c->key_count; i++)
        if (strcasecmp(c->keys[i].name, name) == 0 && !(c->keys[i].use & INFO))
            return (int)i;
    return -1;
}

int conf_keys_init(struct conf *c)
{
    c->values = arena_calloc(c->arena, c->key_count, sizeof *c->values);
    for (uint32_t i = 0; i < c->key_count; i++) {
        c->values[i].text = c->keys[i].fallback;
        kinds[c->keys[i].kind].read(c->keys[i].fallback, &c->values[i]);
    }
    return 0;
}

static const char *choices_of(const char *key)
{
    for (size_t i = 0; i < COUNT(choices); i++)
        if (strcmp(choices[i].key, key) == 0)
            return choices[i].words;
    return "";
}

/* Whether word stands in a list parted by blanks, in any letter case. */
static bool is_listed(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *w = words; len > 0 && *w; w += strcspn(w, " "), w += strspn(w, " "))
        if (strcspn(w, " ") == len && strncasecmp(w, word, len) == 0)
            return true;
    return false;
}

static int check_value(const struct conf_key *key, const char *text, struct conf_value *v,
                       struct err *e)
{
    if (key->kind == CONF_choice && !is_listed(choices_of(key->name), text))
        return err_set(e, EINVAL, "%s=%.80s: give one of: %s", key->name, text,
                       choices_of(key->name));
    if (kinds[key->kind].read(text, v) < 0)
        return err_set(e, EINVAL, "%s=%.80s: %s", key->name, text, kinds[key->kind].wanted);
    return 0;
}

/* SlurmctldHost may stand several times: name or name(address), in order of succession. */
static int add_host(struct conf *c, const char *text, struct err *e)
{
    size_t len = strcspn(text, "(");
    const char *close = strchr(text, ')');

    if (len == 0 || (text[len] && (!close || close[1] || close == text + len + 1)))
        return err_set(e, EINVAL, "SlurmctldHost=%.80s: write name or name(address)", text);
    char *name = arena_strndup(c->arena, text, len);
    char *address = text[len]
                        ? arena_strndup(c->arena, text + len + 1, (size_t)(close - text) - len - 1)
                        : name;
    c->hosts = conf_grow(c->arena, c->hosts, c->host_count, sizeof *c->hosts);
    c->hosts[c->host_count++] = (struct conf_host){ name, address };
    return 0;
}

static void lower(struct conf *c, struct conf_value *v)
{
    char *s = arena_strdup(c->arena, v->text);

    for (char *p = s; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    v->text = s;
}

static int unknown_key(const struct conf *c, const char *name, struct err *e)
{
    static const char *const records[] = { "NodeName", "PartitionName", "NodeSet", "DownNodes" };
    struct conf_nearest near = { .wrong = name, .distance = UINT32_MAX };

    for (uint32_t i = 0; i < c->key_count; i++)
        if (!(c->keys[i].use & INFO))
            conf_nearest_try(&near, c->keys[i].name);
    for (size_t i = 0; i < COUNT(records) && c->keys == conf_slurm_keys; i++)
        conf_nearest_try(&near, records[i]);
    return conf_unknown(&near, "keyword", e);
}

/* A line with one key.  A key that stands twice keeps its last value, as in Slurm, with a warning.
 */
int conf_key_set(struct conf *c, const struct conf_line *line, struct err *e)
{
    const struct conf_pair *pair = &line->pairs[0];
    int at = conf_key_index(c, pair->key);

    if (at < 0) {
        return unknown_key(c, pair->key, e);
    }
    const struct conf_key *key = &c->keys[at];
    struct conf_value *v = &c->values[at], fresh = { .text = pair->value, .set = true };
    if (line->n > 1)
        return err_set(e, EINVAL,
                       "%s=%.60s: unexpected \"%.60s=\" after it; one setting in a line,"
                       " and quotes around a value with blanks",
                       key->name, pair->value, line->pairs[1].key);
    int r = check_value(key, pair->value, &fresh, e);
    if (r < 0)
        return r;
    if (strcmp(key->name, "SlurmctldHost") == 0)
        r = add_host(c, pair->value, e);
    else if (v->set)
        conf_warn(c, line, "%s stands more than once; the last one counts", key->name);
    *v = fresh;
    if (key->use & LATER)
        conf_warn(c, line, "%s is accepted, but not acted on yet", key->name);
    if (strcmp(key->name, "ClusterName") == 0) {
        lower(c, v);
        c->cluster = v->text;
    }
    return r;
}

int conf_number(const char *text, uint32_t *ret)
{
    char *end = NULL;

    if (strcasecmp(text, "UNLIMITED") == 0 || strcasecmp(text, "INFINITE") == 0 ||
        strcmp(text, "-1") == 0) {
        *ret = UINT32_MAX;
        return 0;
    }
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    int base = text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10;
    errno = 0;
    unsigned long long n = strtoull(text, &end, base);
    if (errno || *end || n >= UINT32_MAX)
        return -EINVAL;
    *ret = (uint32_t)n;
    return 0;
}

int conf_yes(const char *text, bool *ret)
{
    bool yes = is_listed("YES UP TRUE 1", text);

    if (!yes && !is_listed("NO DOWN FALSE 0", text))
        return -EINVAL;
    *ret = yes;
    return 0;
}

static int text_value(const char *text, struct conf_value *v)
{
    return 0;
}

static int path_value(const char *text, struct conf_value *v)
{
    return *text == '/' ? 0 : -EINVAL;
}

static int num_value(const char *text, struct conf_value *v)
{
    return conf_number(text, &v->num);
}

/* The fraction is read again by whoever acts on it (cgroup.c). */
static int ratio_value(const char *text, struct conf_value *v)
{
    char *end;
    double n = strtod(text, &end);

    if (end == text || *end || !(n >= 0 && n < 1e6))
        return -EINVAL;
    v->num = (uint32_t)n;
    return 0;
}

static int port_value(const char *text, struct conf_value *v)
{
    uint32_t n = 0;

    if (conf_number(text, &n) < 0 || n < 1 || n > 65535)
        return -EINVAL;
    v->num = n;
    return 0;
}

static int ports_value(const char *text, struct conf_value *v)
{
    char low[8] = "", high[8] = "";
    int used = 0;
    struct conf_value top = { 0 };

    int n = sscanf(text, "%7[0-9]%n-%7[0-9]%n", low, &used, high, &used);
    if (n < 1 || text[used] || (strcmp(text, "0-0") != 0 && port_value(low, v) < 0))
        return -EINVAL;
    if (n == 2 && v->num && (port_value(high, &top) < 0 || top.num < v->num))
        return -EINVAL;
    return 0;
}

static int bool_value(const char *text, struct conf_value *v)
{
    bool yes = false;

    if (conf_yes(text, &yes) < 0)
        return -EINVAL;
    v->num = yes;
    return 0;
}

/* Seconds; a plain number is minutes. */
static int span_value(const char *text, struct conf_value *v)
{
    return times_parse_seconds(text, &v->num, NULL);
}

static int level_value(const char *text, struct conf_value *v)
{
    if (isdigit((unsigned char)*text))
        return text[1] == '\0' ? 0 : -EINVAL;
    return !*text || is_listed("quiet fatal error info verbose debug debug2 debug3 debug4 debug5",
                               text)
               ? 0
               : -EINVAL;
}
