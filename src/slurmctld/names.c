/* See names.h.  For now in the process itself; a helper will take this over when look-ups are slow.
 */
#include "slurmctld/names.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/xalloc.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#define KEEP_NS (300ll * 1000000000ll)
#define GROUPS_MAX 65536
#define RECORD_MAX 65536

struct group_name {
    char *name;
    int64_t until_ns;
};

struct names {
    struct map users;  /* uid + 1 -> struct user */
    struct map groups; /* gid + 1 -> struct group_name */
    char record[RECORD_MAX];
};

struct names *names_new(void)
{
    return xcalloc(1, sizeof(struct names));
}

static void forget_user(struct user *u)
{
    free(u->name);
    free(u->groups);
    free(u->group_names);
    *u = (struct user){ 0 };
}

void names_free(struct names *n)
{
    uint64_t key;
    void *value;

    if (!n)
        return;
    for (uint32_t at = 0; map_next(&n->users, &at, &key, &value);) {
        forget_user(value);
        free(value);
    }
    for (uint32_t at = 0; map_next(&n->groups, &at, &key, &value);) {
        free(((struct group_name *)value)->name);
        free(value);
    }
    map_fini(&n->users);
    map_fini(&n->groups);
    free(n);
}

static char *look_up_group(struct names *n, gid_t gid)
{
    struct group record;
    struct group *found = NULL;

    if (getgrgid_r(gid, &record, n->record, sizeof n->record, &found) == 0 && found)
        return xstrdup(found->gr_name);
    return xasprintf("%u", gid);
}

const char *names_group(struct names *n, gid_t gid)
{
    uint64_t key = (uint64_t)gid + 1;
    struct group_name *g = map_get(&n->groups, key);
    int64_t now = clock_mono_ns();

    if (!g) {
        g = xcalloc(1, sizeof *g);
        map_put(&n->groups, key, g);
    }
    if (now >= g->until_ns) {
        free(g->name);
        g->name = look_up_group(n, gid);
        g->until_ns = now + KEEP_NS;
    }
    return g->name;
}

static void look_up_groups(struct names *n, struct user *u)
{
    struct buf text = { 0 };
    int count = 64;

    u->groups = xmalloc((size_t)count * sizeof *u->groups);
    if (u->is_known && getgrouplist(u->name, u->gid, u->groups, &count) < 0) {
        count = count > GROUPS_MAX ? GROUPS_MAX : count;
        u->groups = xrealloc(u->groups, (size_t)count, sizeof *u->groups);
        getgrouplist(u->name, u->gid, u->groups, &count);
    }
    if (!u->is_known) {
        u->groups[0] = u->gid;
        count = 1;
    }
    u->group_count = (uint32_t)count;
    for (int i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i ? "," : "", names_group(n, u->groups[i]));
    u->group_names = xstrdup(buf_str(&text));
    buf_fini(&text);
}

const struct user *names_user(struct names *n, uid_t uid)
{
    uint64_t key = (uint64_t)uid + 1;
    struct user *u = map_get(&n->users, key);
    int64_t now = clock_mono_ns();
    struct passwd record;
    struct passwd *found = NULL;

    if (u && now < u->until_ns)
        return u;
    if (!u) {
        u = xcalloc(1, sizeof *u);
        map_put(&n->users, key, u);
    }
    forget_user(u);
    u->is_known = getpwuid_r(uid, &record, n->record, sizeof n->record, &found) == 0 && found;
    u->name = u->is_known ? xstrdup(record.pw_name) : xasprintf("%u", uid);
    u->gid = u->is_known ? record.pw_gid : (gid_t)uid;
    u->until_ns = now + KEEP_NS;
    look_up_groups(n, u);
    return u;
}

bool user_is_in(const struct user *u, gid_t gid)
{
    for (uint32_t i = 0; i < u->group_count; i++)
        if (u->groups[i] == gid)
            return true;
    return false;
}
