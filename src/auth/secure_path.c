/* Checks on files that must not be under anybody else's control.  The file itself is judged by its
 * open descriptor, so that what was checked is what is read. */
#include "auth/secure_path.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int dir_judge(const char *dir, const struct stat *st, const struct path_policy *p,
                     struct err *e)
{
    bool sticky = st->st_mode & S_ISVTX;

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(e, EPERM, "%s is insecure: invalid ownership of \"%s\"", p->label, dir);
    if ((st->st_mode & S_IWGRP) && !sticky && st->st_gid != p->trusted_group)
        return err_set(
            e, EPERM, "%s is insecure: group-writable permissions without sticky bit set on \"%s\"",
            p->label, dir);
    if ((st->st_mode & S_IWOTH) && !sticky)
        return err_set(
            e, EPERM, "%s is insecure: world-writable permissions without sticky bit set on \"%s\"",
            p->label, dir);
    if (p->open_to_all && (st->st_mode & 0111) != 0111)
        return err_set(e, EPERM,
                       "%s is inaccessible: execute permissions for all required on \"%s\"",
                       p->label, dir);
    return 0;
}

int path_dir_check(const char *path, const struct path_policy *policy, struct err *e)
{
    char copy[PATH_MAX], dir[PATH_MAX];
    struct stat st;

    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
        return err_set(e, ENAMETOOLONG, "%s: name is too long", policy->word);
    const char *parent = dirname(copy);
    if (!realpath(parent, dir))
        return err_errno(e, "Failed to check %s dir \"%s\": cannot canonicalize \"%s\"",
                         policy->word, parent, parent);
    for (;;) {
        if (lstat(dir, &st) < 0)
            return err_errno(e, "Failed to check %s dir \"%s\"", policy->word, dir);
        int err = dir_judge(dir, &st, policy, e);
        if (err < 0 || strcmp(dir, "/") == 0)
            return err;
        dirname(dir);
    }
}

static int file_judge(const char *path, const struct stat *st, const char *label, struct err *e)
{
    unsigned perms = st->st_mode & 07777;

    if (st->st_uid != geteuid())
        return err_set(e, EPERM,
                       "%s is insecure: \"%s\" should be owned by UID %u instead of UID %u", label,
                       path, geteuid(), st->st_uid);
    if (perms & 060)
        return err_set(
            e, EPERM,
            "%s is insecure: \"%s\" should not be readable or writable by group (perms=%04o)",
            label, path, perms);
    if (perms & 06)
        return err_set(
            e, EPERM,
            "%s is insecure: \"%s\" should not be readable or writable by other (perms=%04o)",
            label, path, perms);
    if (st->st_nlink != 1)
        return err_set(e, EPERM, "%s is insecure: \"%s\" should not have other names (links=%lu)",
                       label, path, (unsigned long)st->st_nlink);
    return 0;
}

int path_open_secret(const char *path, const struct path_policy *policy, int *ret, struct err *e)
{
    struct stat st;
    int judged = 0;

    if (lstat(path, &st) < 0)
        return err_errno(e, "Failed to find %s \"%s\"", policy->word, path);
    if (S_ISLNK(st.st_mode))
        judged = err_set(e, EPERM, "%s is insecure: \"%s\" should not be a symbolic link",
                         policy->label, path);

    CLEANUP(closep)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (judged ? 0 : O_NOFOLLOW));
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, "Failed to open %s \"%s\"", policy->word, path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, EINVAL, "%s is insecure: \"%s\" must be a regular file (type=%07o)",
                       policy->label, path, st.st_mode & S_IFMT);
    if (judged == 0)
        judged = file_judge(path, &st, policy->label, e);
    if (judged == 0)
        judged = path_dir_check(path, policy, e);
    if (judged == 0 || judged == -EPERM)
        *ret = TAKE_FD(fd);
    return judged;
}
