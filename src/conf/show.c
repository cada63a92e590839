/* scontrol show config: every key in Slurm's order, each kind in Slurm's spelling. */
#include "conf/internal.h"
#include "base/times.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *value_text(const struct conf *c, uint32_t at, struct arena *a);
static const char *own_spelling(const struct conf *c, const char *name, struct arena *a);
static bool is_shown(const struct conf *c, uint32_t at);
static const char *number_text(enum conf_kind kind, const struct conf_value *v, struct arena *a);

/* How a number is followed by its unit; "" for none. */
static const char *const units[] = {
    [CONF_sec] = " sec",   [CONF_sec_inf] = " sec",     [CONF_min] = " min",
    [CONF_usec] = " usec", [CONF_percent] = " percent", [CONF_rate] = " nodes/min",
    [CONF_info] = "",
};

void conf_show(const struct conf *c, struct arena *a, struct conf_info *ret)
{
    uint32_t n = 0;
    struct key_value *rows = arena_calloc(a, c->key_count + c->host_count, sizeof *rows);

    for (uint32_t i = 0; i < c->key_count; i++) {
        const char *name = c->keys[i].name;
        if (!is_shown(c, i))
            continue;
        if (strcmp(name, "SlurmctldHost") != 0) {
            rows[n++] = (struct key_value){ strcmp(name, "UsePAM") == 0 ? "UsePam" : name,
                                            value_text(c, i, a), "" };
            continue;
        }
        for (uint32_t h = 0; h < c->host_count; h++)
            rows[n++] = (struct key_value){ arena_printf(a, "SlurmctldHost[%u]", h),
                                            strcmp(c->hosts[h].name, c->hosts[h].address) == 0
                                                ? arena_strdup(a, c->hosts[h].name)
                                                : arena_printf(a, "%s(%s)", c->hosts[h].name,
                                                               c->hosts[h].address),
                                            "" };
    }
    *ret = (struct conf_info){ .rows = { rows, n },
                               .cluster = arena_strdup(a, c->cluster),
                               .path = arena_strdup(a, c->path),
                               .slurmctld = "" };
}

static bool is_shown(const struct conf *c, uint32_t at)
{
    const struct conf_key *key = &c->keys[at];

    if (key->use & SECRET)
        return false;
    if (key->use & HIDDEN)
        return c->values[at].set;
    if (key->use & MULTIFACTOR)
        return strcasestr(conf_str(c, "PriorityType"), "multifactor") != NULL;
    if (strcmp(key->name, "DefMemPerNode") == 0)
        return !conf_is_set(c, "DefMemPerCPU");
    if (strcmp(key->name, "MaxMemPerNode") == 0)
        return !conf_is_set(c, "MaxMemPerCPU");
    return true;
}

static const char *value_text(const struct conf *c, uint32_t at, struct arena *a)
{
    const struct conf_key *key = &c->keys[at];
    const struct conf_value *v = &c->values[at];
    const char *own = own_spelling(c, key->name, a);
    char span[TIMES_TEXT];

    if (own)
        return own;
    switch (key->kind) {
    case CONF_text:
    case CONF_path:
    case CONF_level:
    case CONF_choice:
        return *v->text ? arena_strdup(a, v->text) : "(null)";
    case CONF_ports:
    case CONF_info:
        return arena_strdup(a, v->text);
    case CONF_yesno:
        return v->num ? "Yes" : "No";
    case CONF_span:
        return v->num == TIMES_INFINITE ? "UNLIMITED" : arena_strdup(a, times_hms(v->num, span));
    case CONF_user: {
        const struct passwd *pw = getpwnam(v->text);
        return pw ? arena_printf(a, "%s(%u)", v->text, pw->pw_uid) : arena_strdup(a, v->text);
    }
    default:
        return number_text(key->kind, v, a);
    }
}

static const char *number_text(enum conf_kind kind, const struct conf_value *v, struct arena *a)
{
    const char *unit = kind < sizeof units / sizeof units[0] && units[kind] ? units[kind] : "";

    if (v->num == UINT32_MAX)
        return kind == CONF_sec_inf ? "INFINITE" : "UNLIMITED";
    return arena_printf(a, "%u%s", v->num, unit);
}

/* Lines that are made of something else than their key's value. */
static const char *own_spelling(const struct conf *c, const char *name, struct arena *a)
{
    if (strcmp(name, "SLURM_CONF") == 0)
        return arena_strdup(a, c->path);
    if (strcmp(name, "PowerPlugin") == 0)
        return arena_strdup(a, conf_str(c, name));
    if (strcmp(name, "SelectTypeParameters") == 0) {
        char *s = arena_strdup(a, conf_str(c, name));
        for (char *p = s; *p; p++)
            *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        return s;
    }
    if (strcmp(name, "JobDefaults") != 0)
        return NULL;
    const char *cpu = conf_is_set(c, "DefCPUPerGPU") ? conf_str(c, "DefCPUPerGPU") : NULL;
    const char *mem = conf_is_set(c, "DefMemPerGPU") ? conf_str(c, "DefMemPerGPU") : NULL;
    if (!cpu && !mem)
        return "(null)";
    return arena_printf(a, "%s%s%s%s%s", cpu ? "DefCpuPerGPU=" : "", cpu ? cpu : "",
                        cpu && mem ? "," : "", mem ? "DefMemPerGPU=" : "", mem ? mem : "");
}
