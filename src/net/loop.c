/* The event loop: one epoll set, a heap of timers, a signalfd, a pidfd for each child.
 *
 * The one difficulty of an event loop is a callback that removes a source whose event is already
 * in the batch being worked on.  Here a removed source is only marked and put on the list of the
 * dead; it is freed when the batch is over, so a pointer in the batch is always good to look at. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 256
#define MS 1000000LL

/* What every kind of source begins with; the dead are freed through it. */
struct source {
    struct list link; /* in one list of the loop: alive, steady or dead */
    struct loop *loop;
    bool dead;
};

struct loop_fd {
    struct source source;
    int fd;
    unsigned events;
    bool steady; /* a plain file or /dev/null, which epoll refuses: always ready */
    loop_fd_fn *fn;
    void *ctx;
};

struct loop_timer {
    struct source source;
    uint32_t at; /* position in the heap, 0 when disarmed */
    loop_timer_fn *fn;
    void *ctx;
};

struct loop_child {
    struct source source;
    pid_t pid;
    int pidfd;
    struct loop_fd *watch;
    loop_child_fn *fn;
    void *ctx;
};

struct handler {
    loop_signal_fn *fn;
    void *ctx;
};

struct loop {
    int epoll;
    bool is_stopped;
    struct list alive, steady, dead;
    struct heap timers;
    int signals; /* -1 until the first handler */
    sigset_t mask;
    struct handler handlers[NSIG];
    struct loop_ext ext;
};

static void run_batch(struct loop *l, const struct epoll_event *events, int n);
static void run_steady(struct loop *l);
static void run_timers(struct loop *l);
static bool flush(struct loop *l);
static void bury(struct list *sources);
static int wait_ms(const struct loop *l, int64_t max_ms);
static void child_exited(void *ctx, int fd, unsigned events);
static void signal_arrived(void *ctx, int fd, unsigned events);

int loop_new(struct loop **ret, struct err *e)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return err_errno(e, "epoll");

    struct loop *l = xcalloc(1, sizeof *l);
    l->epoll = epoll;
    l->signals = -1;
    list_init(&l->alive);
    list_init(&l->steady);
    list_init(&l->dead);
    sigemptyset(&l->mask);
    *ret = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->ext.free)
        l->ext.free(l->ext.ctx);
    heap_fini(&l->timers);
    bury(&l->alive);
    bury(&l->steady);
    bury(&l->dead);
    if (l->signals >= 0)
        close(l->signals);
    close(l->epoll);
    free(l);
}

struct loop_ext *loop_ext(struct loop *l)
{
    return &l->ext;
}

/* One batch of everything.  What the caller's turn sent is flushed before the wait, what the
 * callbacks sent after it: a reply never waits for somebody else's event. */
void loop_once(struct loop *l, int64_t max_ms)
{
    struct epoll_event events[BATCH];

    bool told = flush(l);
    int n = epoll_wait(l->epoll, events, BATCH, told ? 0 : wait_ms(l, max_ms));
    if (n < 0 && errno != EINTR)
        die("epoll_wait: %s", "the set is broken");
    run_batch(l, events, n);
    run_steady(l);
    run_timers(l);
    flush(l);
    bury(&l->dead);
}

void loop_stop(struct loop *l)
{
    l->is_stopped = true;
}

bool loop_stopped(const struct loop *l)
{
    return l->is_stopped;
}

static void *source_new(struct loop *l, size_t size)
{
    struct source *s = xcalloc(1, size);

    s->loop = l;
    list_add_tail(&l->alive, &s->link);
    return s;
}

static void source_kill(struct source *s)
{
    assert(!s->dead);
    s->dead = true;
    list_remove(&s->link);
    list_add_tail(&s->loop->dead, &s->link);
}

static void bury(struct list *sources)
{
    LIST_FOREACH(it, sources) {
        list_remove(it);
        free(list_entry(it, struct source, link));
    }
}

static bool flush(struct loop *l)
{
    return l->ext.flush && l->ext.flush(l->ext.ctx);
}

/* How long epoll may sleep: rounded up, since waking early would only spin. */
static int wait_ms(const struct loop *l, int64_t max_ms)
{
    int64_t ms = max_ms >= 0 ? max_ms : INT32_MAX;
    const struct heap_entry *next = heap_top(&l->timers);

    if (l->is_stopped || !list_empty(&l->steady))
        return 0;
    if (next) {
        int64_t left = (next->key - clock_mono_ns() + MS - 1) / MS;
        ms = left < 0 ? 0 : left < ms ? left : ms;
    }
    if (!next && max_ms < 0)
        return -1;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* ---- descriptors */

static uint32_t to_epoll(unsigned events)
{
    return (events & LOOP_READ ? EPOLLIN : 0) | (events & LOOP_WRITE ? EPOLLOUT : 0);
}

static unsigned from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? LOOP_READ : 0) | (events & EPOLLOUT ? LOOP_WRITE : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? LOOP_HUP : 0);
}

struct loop_fd *loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *ctx)
{
    struct loop_fd *s = source_new(l, sizeof *s);
    struct epoll_event ev = { .events = to_epoll(events), .data.ptr = s };

    s->fd = fd;
    s->events = events;
    s->fn = fn;
    s->ctx = ctx;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
        return s;
    if (errno != EPERM)
        die("cannot watch descriptor %d: errno %d", fd, errno);
    s->steady = true;
    s->events = 0;
    loop_set_events(s, events);
    return s;
}

void loop_set_events(struct loop_fd *s, unsigned events)
{
    struct loop *l = s->source.loop;
    struct epoll_event ev = { .events = to_epoll(events), .data.ptr = s };

    if (s->source.dead || s->events == events)
        return;
    s->events = events;
    if (s->steady) {
        list_remove(&s->source.link);
        list_add_tail(events ? &l->steady : &l->alive, &s->source.link);
        return;
    }
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, s->fd, &ev) < 0)
        die("cannot watch descriptor %d: errno %d", s->fd, errno);
}

void loop_remove_fd(struct loop_fd *s)
{
    if (!s || s->source.dead)
        return;
    if (!s->steady)
        epoll_ctl(s->source.loop->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    source_kill(&s->source);
}

static void run_batch(struct loop *l, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_fd *s = events[i].data.ptr;
        unsigned got = from_epoll(events[i].events) & (s->events | LOOP_HUP);

        if (!s->source.dead && got)
            s->fn(s->ctx, s->fd, got);
    }
}

/* A callback may take any source out of the list, so the walk moves each one behind a marker
 * instead of holding a pointer to the next. */
static void run_steady(struct loop *l)
{
    struct list marker;

    if (list_empty(&l->steady))
        return;
    list_add_tail(&l->steady, &marker);
    while (l->steady.next != &marker) {
        struct loop_fd *s = list_entry(l->steady.next, struct loop_fd, source.link);
        list_remove(&s->source.link);
        list_add_tail(&l->steady, &s->source.link);
        s->fn(s->ctx, s->fd, s->events);
    }
    list_remove(&marker);
}

/* ---- timers */

struct loop_timer *loop_add_timer(struct loop *l, int64_t after_ms, loop_timer_fn *fn, void *ctx)
{
    struct loop_timer *t = source_new(l, sizeof *t);

    t->fn = fn;
    t->ctx = ctx;
    loop_set_timer(t, after_ms);
    return t;
}

void loop_set_timer(struct loop_timer *t, int64_t after_ms)
{
    if (t->source.dead)
        return;
    heap_remove(&t->source.loop->timers, t->at);
    if (after_ms >= 0)
        heap_push(&t->source.loop->timers, clock_mono_ns() + after_ms * MS, t, &t->at);
}

void loop_remove_timer(struct loop_timer *t)
{
    if (!t || t->source.dead)
        return;
    loop_set_timer(t, -1);
    source_kill(&t->source);
}

/* Bounded by the number armed at the start: a timer that re-arms itself for "now" waits for the
 * next batch. */
static void run_timers(struct loop *l)
{
    int64_t now = l->timers.n ? clock_mono_ns() : 0;

    for (uint32_t n = l->timers.n; n > 0; n--) {
        const struct heap_entry *top = heap_top(&l->timers);
        if (!top || top->key > now)
            return;
        struct loop_timer *t = heap_pop(&l->timers);
        t->fn(t->ctx);
    }
}

/* ---- children */

struct loop_child *loop_add_child(struct loop *l, pid_t pid, loop_child_fn *fn, void *ctx)
{
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        die("cannot watch process %d: errno %d", (int)pid, errno);

    struct loop_child *c = source_new(l, sizeof *c);
    c->pid = pid;
    c->pidfd = pidfd;
    c->fn = fn;
    c->ctx = ctx;
    c->watch = loop_add_fd(l, pidfd, LOOP_READ, child_exited, c);
    return c;
}

int loop_kill_child(struct loop_child *c, int signo)
{
    return pidfd_send_signal(c->pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

void loop_remove_child(struct loop_child *c)
{
    if (!c || c->source.dead)
        return;
    loop_remove_fd(c->watch);
    close(c->pidfd);
    c->pidfd = -1;
    source_kill(&c->source);
}

static void child_exited(void *ctx, int fd, unsigned events)
{
    struct loop_child *c = ctx;
    int status = 0;

    if (waitpid(c->pid, &status, WNOHANG) == 0)
        return;
    loop_remove_child(c);
    c->fn(c->ctx, c->pid, status);
}

/* ---- signals */

void loop_add_signal(struct loop *l, int signo, loop_signal_fn *fn, void *ctx)
{
    sigaddset(&l->mask, signo);
    l->handlers[signo] = (struct handler){ fn, ctx };
    sigprocmask(SIG_BLOCK, &l->mask, NULL);

    int fd = signalfd(l->signals, &l->mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd: errno %d", errno);
    if (l->signals < 0)
        loop_add_fd(l, fd, LOOP_READ, signal_arrived, l);
    l->signals = fd;
}

static void signal_arrived(void *ctx, int fd, unsigned events)
{
    struct loop *l = ctx;
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == sizeof info) {
        const struct handler *h = &l->handlers[info.ssi_signo];
        h->fn(h->ctx, (int)info.ssi_signo);
    }
}

int loop_poll_fd(const struct loop *l)
{
    return l->epoll;
}
