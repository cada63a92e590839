/* Becoming a user.  Every call is fatal when it fails, and the proof at the end does not trust any
 * of them. */
#include "node/ids.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUPS_MAX 65536u /* the kernel's NGROUPS_MAX */

static int groups_set(const struct ids *ids, struct err *e)
{
    const gid_t *groups = ids->group_count ? ids->groups : &ids->gid;
    size_t n = ids->group_count ? ids->group_count : 1;

    if (n > GROUPS_MAX)
        return err_set(e, E2BIG, "user %u is in %zu groups", ids->uid, n);
    if (setgroups(n, groups) < 0)
        return err_errno(e, "setgroups of user %u", ids->uid);
    return 0;
}

/* Leaving uid 0 empties the permitted and effective sets; inheritable and ambient ones are ours to
 * clear. */
static int capabilities_drop(struct err *e)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(e, "clear ambient capabilities");
    if (syscall(SYS_capset, &head, none) < 0)
        return err_errno(e, "drop capabilities");
    return 0;
}

static int prove(const struct ids *ids, struct err *e)
{
    uid_t uid[3];
    gid_t gid[3];

    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
        return err_errno(e, "read ids back");
    for (int i = 0; i < 3; i++)
        if (uid[i] != ids->uid || gid[i] != ids->gid)
            return err_set(e, EPERM, "the kernel says %u:%u where %u:%u was wanted", uid[i], gid[i],
                           ids->uid, ids->gid);
    if (ids->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
        return err_set(e, EPERM, "root is still in reach of user %u", ids->uid);
    return 0;
}

int ids_become(const struct ids *ids, struct err *e)
{
    int err;

    if (geteuid() != 0) {
        if (ids->uid != geteuid())
            return err_set(e, EPERM, "slurmd runs as user %u and cannot start jobs of user %u",
                           geteuid(), ids->uid);
        return 0;
    }
    if ((err = groups_set(ids, e)) < 0)
        return err;
    if (setresgid(ids->gid, ids->gid, ids->gid) < 0)
        return err_errno(e, "become group %u", ids->gid);
    if (setresuid(ids->uid, ids->uid, ids->uid) < 0)
        return err_errno(e, "become user %u", ids->uid);
    if (ids->uid != 0 && (err = capabilities_drop(e)) < 0)
        return err;
    return prove(ids, e);
}
