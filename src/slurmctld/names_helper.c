/* The helper of names.c: one question after the other, as slow as the user database is.  It has
 * nothing but its end of the socket, and ends with it. */
#include "slurmctld/names_helper.h"

#include "base/xalloc.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 65536
#define RECORD_MAX 65536
#define OWN_FD 3

static char *group_name(gid_t gid, char *record)
{
    struct group found, *is_found = NULL;

    if (getgrgid_r(gid, &found, record, RECORD_MAX, &is_found) == 0 && is_found)
        return xstrdup(found.gr_name);
    return xasprintf("%u", gid);
}

static gid_t *groups_of(const char *name, gid_t gid, int *ret_count)
{
    int count = 64;
    gid_t *groups = xmalloc((size_t)count * sizeof *groups);

    if (getgrouplist(name, gid, groups, &count) < 0) {
        count = count > GROUPS_MAX ? GROUPS_MAX : count;
        groups = xrealloc(groups, (size_t)count, sizeof *groups);
        getgrouplist(name, gid, groups, &count);
    }
    *ret_count = count;
    return groups;
}

/* Head, then the name, then for each group its number and its name. */
static void look_up(uint32_t uid, char *record, struct buf *out)
{
    struct names_reply head = { .uid = uid };
    struct passwd found, *is_found = NULL;
    size_t start = out->len;

    buf_put(out, &head, sizeof head);
    if (getpwuid_r(uid, &found, record, RECORD_MAX, &is_found) == 0 && is_found) {
        char *name = xstrdup(found.pw_name);
        int count;
        gid_t *groups = groups_of(name, found.pw_gid, &count);
        head.is_known = 1;
        head.gid = found.pw_gid;
        head.groups = (uint32_t)count;
        buf_put(out, name, strlen(name) + 1);
        for (uint32_t i = 0; i < head.groups; i++) {
            char *group = group_name(groups[i], record);
            buf_put(out, &groups[i], sizeof groups[i]);
            buf_put(out, group, strlen(group) + 1);
            free(group);
        }
        free(groups);
        free(name);
    }
    head.size = (uint32_t)(out->len - start);
    memcpy(out->data + start, &head, sizeof head);
}

static bool send_all(int fd, const struct buf *b)
{
    ssize_t n;

    for (size_t at = 0; at < b->len; at += (size_t)n)
        if ((n = send(fd, b->data + at, b->len - at, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

/* Stops are for the daemon; when it is gone, so are we. */
void names_helper(int fd)
{
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
    char *record = xmalloc(RECORD_MAX);
    struct buf out = { 0 };
    sigset_t none;
    uint32_t uid;

    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(fd, OWN_FD) < 0)
        _exit(1);
    close_range(OWN_FD + 1, ~0u, 0);
    while (recv(OWN_FD, &uid, sizeof uid, MSG_WAITALL) == sizeof uid) {
        buf_reset(&out);
        look_up(uid, record, &out);
        if (!send_all(OWN_FD, &out))
            break;
    }
    _exit(0);
}
