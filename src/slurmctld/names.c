/* The asking side of the user database (names.h): a cache in front of the helper process. */
#include "slurmctld/names.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "slurmctld/names_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000ll
#define KEEP_NS (300 * 1000 * MS)     /* also that nobody has the uid */
#define ASK_AGAIN_NS (30 * 1000 * MS) /* when there was no answer */
#define PATIENCE_NS (NAMES_PATIENCE_MS * MS)
#define CHUNK 65536u

struct entry {
    struct user user;
    int64_t asked_ns; /* 0: no question is on its way */
    int64_t until_ns; /* fresh; 0: never answered */
};

struct names {
    struct loop *loop;
    struct loop_fd *watch;
    int fd; /* -1: no helper */
    pid_t helper;
    struct buf in;
    struct map users;  /* uid + 1 -> struct entry */
    struct map groups; /* gid + 1 -> its name */
};

static void on_reply(void *ctx, int fd, unsigned events);

/* The helper inherits no descriptor but its socket, and dies with us even if it hangs. */
static void start(struct names *n)
{
    int ends[2];

    n->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    n->helper = fork();
    if (n->helper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        names_helper(ends[1]);
    }
    close(ends[1]);
    n->fd = ends[0];
    fcntl(n->fd, F_SETFL, O_NONBLOCK);
    n->watch = loop_add_fd(n->loop, n->fd, LOOP_READ, on_reply, n);
}

static void stop(struct names *n)
{
    if (n->fd < 0)
        return;
    loop_remove_fd(n->watch);
    close(n->fd);
    n->fd = -1;
    if (n->helper > 0) {
        kill(n->helper, SIGKILL);
        waitpid(n->helper, NULL, 0);
    }
}

struct names *names_new(struct loop *l)
{
    struct names *n = xcalloc(1, sizeof *n);

    n->loop = l;
    start(n);
    return n;
}

static void forget(struct user *u)
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
    stop(n);
    for (uint32_t at = 0; map_next(&n->users, &at, &key, &value);) {
        forget(&((struct entry *)value)->user);
        free(value);
    }
    for (uint32_t at = 0; map_next(&n->groups, &at, &key, &value);)
        free(value);
    map_fini(&n->users);
    map_fini(&n->groups);
    buf_fini(&n->in);
    free(n);
}

/* ---- answers */

static void be_number(struct user *u, uid_t uid, bool is_late)
{
    forget(u);
    *u = (struct user){ .name = xasprintf("%u", uid), .is_late = is_late, .gid = (gid_t)uid };
    u->groups = xmalloc(sizeof *u->groups);
    u->groups[0] = u->gid;
    u->group_count = 1;
    u->group_names = xasprintf("%u", u->gid);
}

static void keep_group(struct names *n, gid_t gid, const char *name)
{
    uint64_t key = (uint64_t)gid + 1;

    free(map_get(&n->groups, key));
    map_put(&n->groups, key, xstrdup(name));
}

/* Our own helper wrote it: it is whole. */
static void take(struct names *n, const struct names_reply *head, const char *words)
{
    struct entry *e = map_get(&n->users, (uint64_t)head->uid + 1);
    struct user *u = &e->user;
    struct buf list = { 0 };

    e->asked_ns = 0;
    e->until_ns = clock_mono_ns() + KEEP_NS;
    be_number(u, head->uid, false);
    if (!head->is_known)
        return;
    forget(u);
    u->is_known = true;
    u->name = xstrdup(words);
    u->gid = head->gid;
    u->groups = xmalloc(head->groups * sizeof *u->groups);
    u->group_count = head->groups;
    words += strlen(words) + 1;
    for (uint32_t i = 0; i < head->groups; i++) {
        memcpy(&u->groups[i], words, sizeof u->groups[i]);
        words += sizeof u->groups[i];
        keep_group(n, u->groups[i], words);
        buf_printf(&list, "%s%s", i ? "," : "", words);
        words += strlen(words) + 1;
    }
    u->group_names = xstrdup(buf_str(&list));
    buf_fini(&list);
}

/* Whole answers from the front of what came. */
static void take_all(struct names *n)
{
    struct names_reply head;

    while (n->in.len >= sizeof head) {
        memcpy(&head, n->in.data, sizeof head);
        if (n->in.len < head.size)
            return;
        take(n, &head, (const char *)n->in.data + sizeof head);
        buf_drop(&n->in, head.size);
    }
}

/* A helper that died is replaced; what it was asked is asked again after ASK_AGAIN_NS. */
static void on_reply(void *ctx, int fd, unsigned events)
{
    struct names *n = ctx;
    ssize_t got;

    buf_reserve(&n->in, CHUNK);
    while ((got = recv(fd, n->in.data + n->in.len, CHUNK, MSG_DONTWAIT)) > 0) {
        n->in.len += (size_t)got;
        buf_reserve(&n->in, CHUNK);
    }
    take_all(n);
    if (got == 0) {
        log_error("the helper that looks up users died; starting another");
        buf_reset(&n->in);
        stop(n);
        start(n);
    }
}

/* ---- questions */

static struct entry *entry_of(struct names *n, uid_t uid)
{
    uint64_t key = (uint64_t)uid + 1;
    struct entry *e = map_get(&n->users, key);
    int64_t now = clock_mono_ns();

    if (!e) {
        e = xcalloc(1, sizeof *e);
        be_number(&e->user, uid, true);
        map_put(&n->users, key, e);
    }
    bool is_asked = e->asked_ns && now < e->asked_ns + ASK_AGAIN_NS;
    if (now >= e->until_ns && !is_asked &&
        send(n->fd, &uid, sizeof uid, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof uid)
        e->asked_ns = now;
    return e;
}

bool names_ready(struct names *n, uid_t uid)
{
    const struct entry *e = entry_of(n, uid);

    return e->until_ns || (e->asked_ns && clock_mono_ns() >= e->asked_ns + PATIENCE_NS);
}

const struct user *names_user(struct names *n, uid_t uid)
{
    return &entry_of(n, uid)->user;
}

const struct user *names_wait(struct names *n, uid_t uid)
{
    while (n->fd >= 0 && !names_ready(n, uid)) {
        struct pollfd p = { .fd = n->fd, .events = POLLIN };
        if (poll(&p, 1, 100) > 0)
            on_reply(n, n->fd, LOOP_READ);
    }
    return names_user(n, uid);
}

const char *names_group(struct names *n, gid_t gid)
{
    return map_get(&n->groups, (uint64_t)gid + 1);
}

bool user_is_in(const struct user *u, gid_t gid)
{
    for (uint32_t i = 0; i < u->group_count; i++)
        if (u->groups[i] == gid)
            return true;
    return false;
}
