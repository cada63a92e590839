/* The table of trackable resources, and amounts as text. */
#include "core/tres.h"

#include "base/buf.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const fixed[TRES_FIXED] = { "cpu",     "mem",     "energy", "node",
                                               "billing", "fs/disk", "vmem",   "pages" };

/* A name that ends in '/' stands for all that begin so. */
static const struct {
    const char *name;
    uint8_t family;
    bool is_size; /* in megabytes; otherwise a plain count */
} families[] = {
    { "cpu", FAMILY_CPU, false },          { "mem", FAMILY_MEM, true },
    { "node", FAMILY_NODE, false },        { "gres/", FAMILY_GRES, false },
    { "license/", FAMILY_LICENSE, false }, { "bb/", FAMILY_BB, true },
    { "billing", FAMILY_BILLING, false },  { "energy", FAMILY_ENERGY, false },
    { "fs/disk", FAMILY_UNKNOWN, true },   { "vmem", FAMILY_UNKNOWN, true },
};

static size_t family_row(const char *name, size_t len)
{
    size_t n = sizeof families / sizeof families[0];

    for (size_t i = 0; i < n; i++) {
        size_t own = strlen(families[i].name);
        bool is_all = families[i].name[own - 1] == '/';
        if ((is_all ? len > own : len == own) && strncasecmp(families[i].name, name, own) == 0)
            return i;
    }
    return n;
}

static bool add_name(struct tres_table *t, const char *name, size_t len)
{
    size_t row = family_row(name, len);

    if (len == 0 || t->n == TRES_MAX || tres_find(t, name, len) >= 0)
        return false;
    bool is_known = row < sizeof families / sizeof families[0];
    t->names[t->n] = xstrndup(name, len);
    t->family[t->n] = is_known ? families[row].family : FAMILY_UNKNOWN;
    t->is_size[t->n] = is_known && families[row].is_size;
    t->n++;
    return true;
}

bool tres_table_set(struct tres_table *t, const char *names)
{
    bool is_new = false;

    for (size_t i = 0; i < TRES_FIXED; i++)
        is_new |= add_name(t, fixed[i], strlen(fixed[i]));
    for (const char *s = names ? names : ""; *s;) {
        size_t len = strcspn(s, ", ");
        is_new |= add_name(t, s, len);
        s += len + (s[len] != '\0');
    }
    return is_new;
}

void tres_table_fini(struct tres_table *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free(t->names[i]);
    *t = (struct tres_table){ 0 };
}

int tres_find(const struct tres_table *t, const char *name, size_t len)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (strncasecmp(t->names[i], name, len) == 0 && t->names[i][len] == '\0')
            return (int)i;
    return -1;
}

uint32_t tres_id(uint32_t place)
{
    return place < TRES_FIXED ? place + 1 : 1001 + place - TRES_FIXED;
}

/* ---- text */

/* A number and a suffix that counts in 1024; sizes are kept in megabytes. */
static int parse_amount(const char *s, const char *end, bool is_size, uint64_t *ret)
{
    static const char suffixes[] = "KMGTPE";
    char *stop;

    errno = 0;
    unsigned long long v = strtoull(s, &stop, 10);
    if (stop == s || errno != 0 || *s == '-')
        return -1;
    const char *at = stop < end ? strchr(suffixes, toupper((unsigned char)*stop)) : NULL;
    int steps = at ? (int)(at - suffixes) + 1 - (is_size ? 2 : 0) : 0;
    stop += at != NULL;
    for (; steps > 0 && v <= UINT64_MAX / 1024; steps--)
        v *= 1024;
    if (steps < 0)
        v = (v + 1023) / 1024;
    *ret = v;
    return stop == end && steps <= 0 ? 0 : -1;
}

int tres_parse(const struct tres_table *t, const char *text, struct amounts *ret,
               uint32_t *ret_mask, struct err *e)
{
    struct amounts all = { 0 };
    uint32_t mask = 0;

    for (const char *s = text ? text : ""; *s;) {
        size_t len = strcspn(s, ",");
        const char *equals = memchr(s, '=', len);
        int place = equals ? tres_find(t, s, (size_t)(equals - s)) : -1;
        uint64_t v;
        if (!equals)
            return err_set(e, EINVAL, "expected NAME=NUMBER, found \"%.*s\"", (int)len, s);
        if (place >= 0) {
            if (parse_amount(equals + 1, s + len, t->is_size[place], &v) < 0)
                return err_set(e, EINVAL, "\"%.*s\" is no amount", (int)len, s);
            all.v[place] = v;
            mask |= 1u << place;
        }
        s += len + (s[len] == ',');
    }
    *ret = all;
    *ret_mask = mask;
    return 0;
}

/* "cpu=4", "mem=4G": in the largest unit that loses nothing. */
static size_t put_amount(const struct tres_table *t, uint32_t place, uint64_t amount, char *to,
                         size_t room)
{
    static const char units[] = "MGTPE";
    size_t up = 0;
    int n;

    if (!t->is_size[place]) {
        n = snprintf(to, room, "%s=%llu", t->names[place], (unsigned long long)amount);
    } else {
        for (; amount && amount % 1024 == 0 && up + 2 < sizeof units; up++)
            amount /= 1024;
        n = snprintf(to, room, "%s=%llu%c", t->names[place], (unsigned long long)amount, units[up]);
    }
    return (size_t)n < room ? (size_t)n : room - 1;
}

/* On the stack: every event of a job has two of them. */
char *tres_text(const struct tres_table *t, const struct amounts *a, uint32_t mask,
                struct arena *to)
{
    char text[TRES_MAX * 64];
    size_t len = 0;

    for (uint32_t i = 0; i < t->n && len + 2 < sizeof text; i++) {
        if (!(mask ? mask >> i & 1 : a->v[i] > 0))
            continue;
        if (len)
            text[len++] = ',';
        len += put_amount(t, i, a->v[i], text + len, sizeof text - len);
    }
    return arena_strndup(to, text, len);
}

char *tres_plain_text(const struct tres_table *t, const struct amounts *a, struct arena *to)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < t->n; i++)
        buf_printf(&b, "%s%s=%llu", i ? "," : "", t->names[i], (unsigned long long)a->v[i]);
    char *text = arena_strdup(to, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* ---- what jobs ask for */

/* Both the name and the name with its type are counted, whichever of them is tracked. */
void tres_add_gres(const struct tres_table *t, const char *name, const char *type, uint64_t count,
                   struct amounts *sum)
{
    char full[256];
    int len = snprintf(full, sizeof full, "gres/%s", name);
    int at = len < (int)sizeof full ? tres_find(t, full, (size_t)len) : -1;

    if (at >= 0)
        sum->v[at] += count;
    if (!type || !*type)
        return;
    len = snprintf(full, sizeof full, "gres/%s:%s", name, type);
    at = len < (int)sizeof full ? tres_find(t, full, (size_t)len) : -1;
    if (at >= 0)
        sum->v[at] += count;
}

/* "matlab:2,abaqus" */
void tres_add_licenses(const struct tres_table *t, const char *text, struct amounts *sum)
{
    for (const char *s = text ? text : ""; *s;) {
        char full[256];
        size_t len = strcspn(s, ",;");
        size_t name = strcspn(s, ",;:=");
        unsigned long long count = name < len ? strtoull(s + name + 1, NULL, 10) : 1;
        int n = snprintf(full, sizeof full, "license/%.*s", (int)name, s);
        int at = n < (int)sizeof full ? tres_find(t, full, (size_t)n) : -1;
        if (at >= 0)
            sum->v[at] += count;
        s += len + (s[len] != '\0');
    }
}
