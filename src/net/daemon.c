/* The one main: every daemon starts, reloads and stops here (daemon.h).
 *
 * The order matters.  Names that need root (log, pid file) are opened before the user is
 * dropped, state is loaded after it, and whoever started us hears the result of open() and
 * nothing earlier. */
#include "net/daemon.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FRAME_LETTERS "DFf:cvhV"
#define EXIT_MISUSE 2
#define GO_ON (-1) /* from the steps of the start: nothing to exit for */

/* One run of a daemon: what the frame knows beyond the daemon's own context. */
struct run {
    const struct daemon *d;
    void *ctx;
    struct daemon_args args;
    struct daemon_place place;
    struct loop *loop;
    int starter; /* pipe to the process that started us; -1 in the foreground */
    int pid_file;
};

static int parse(struct run *r);
static int letter_seen(struct run *r, int letter);
static int start(struct run *r, struct err *e);
static int serve(struct run *r);
static void stop(struct run *r);
static int background(struct run *r);
static void started(struct run *r, int status);
static int places_open(struct run *r, struct err *e);
static int drop_user(const char *name, struct err *e);
static void pid_write(struct run *r);
static void notify(const char *text);
static void limits_set(const struct daemon *d);
static void log_reopen(void *ctx, int signo);
static void on_reload(void *ctx, int signo);
static void on_stop(void *ctx, int signo);

int daemon_run(int argc, char **argv, const struct daemon *d)
{
    struct err e = { 0 };

    CLEANUP(freep) void *own = d->ctx ? NULL : xcalloc(1, d->ctx_size ? d->ctx_size : 1);
    void *ctx = d->ctx ? d->ctx : own;
    struct run r = {
        .d = d, .ctx = ctx, .args = { .argc = argc, .argv = argv }, .starter = -1, .pid_file = -1
    };
    r.place.log_level = LOG_INFO;

    log_init(d->name, LOG_ERROR);
    int status = parse(&r);
    if (status != GO_ON)
        return status;
    log_set_stderr(r.args.foreground ? LOG_INFO + r.args.verbose : LOG_ERROR);

    int done = d->configure ? d->configure(ctx, &r.args, &r.place, &e) : 0;
    if (done < 0)
        log_at(LOG_FATAL, "%s", e.text);
    if (done != 0)
        return done < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

    if (!r.args.foreground && (status = background(&r)) != GO_ON)
        return status;
    if (start(&r, &e) < 0) {
        log_at(LOG_FATAL, "%s", e.text);
        started(&r, EXIT_FAILURE);
        stop(&r);
        return EXIT_FAILURE;
    }
    return serve(&r);
}

/* ---- arguments */

/* The frame's letters without those that the daemon takes for itself, then the daemon's. */
static void letters_join(const char *own, char *ret, size_t size)
{
    size_t n = 0;

    for (const char *p = FRAME_LETTERS; *p; p++) {
        bool taken = *p != ':' && own && strchr(own, *p);
        if (!taken && n + 1 < size)
            ret[n++] = *p;
        if (taken && p[1] == ':')
            p++;
    }
    snprintf(ret + n, size - n, "%s", own ? own : "");
}

static int parse(struct run *r)
{
    static const struct option none[] = { { 0 } };
    const struct option *longs = r->d->long_options ? r->d->long_options : none;
    char letters[128];
    int letter;

    letters_join(r->d->options, letters, sizeof letters);
    optind = 1;
    while ((letter = getopt_long(r->args.argc, r->args.argv, letters, longs, NULL)) != -1) {
        int status = letter_seen(r, letter);
        if (status != GO_ON)
            return status;
    }
    return GO_ON;
}

static bool is_own(const struct daemon *d, int letter)
{
    return letter > UINT8_MAX || (d->options && strchr(d->options, letter));
}

static int letter_seen(struct run *r, int letter)
{
    const char *usage = r->d->usage ? r->d->usage : "";
    struct err e = { 0 };

    if (letter != '?' && is_own(r->d, letter)) {
        if (!r->d->option || r->d->option(r->ctx, letter, optarg, &e) == 0)
            return GO_ON;
        log_error("%s", e.text);
        return EXIT_MISUSE;
    }
    switch (letter) {
    case 'D':
    case 'F':
        r->args.foreground = true;
        return GO_ON;
    case 'f':
        r->args.conf_path = optarg;
        return GO_ON;
    case 'c':
        r->args.clean_start = true;
        return GO_ON;
    case 'v':
        r->args.verbose++;
        return GO_ON;
    case 'V':
        puts(r->d->version ? r->d->version : SLURM_COMPAT_VERSION);
        return EXIT_SUCCESS;
    case 'h':
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    default:
        fputs(usage, stderr);
        return EXIT_MISUSE;
    }
}

/* ---- start, serve, stop */

static int start(struct run *r, struct err *e)
{
    limits_set(r->d);
    int err = places_open(r, e);
    if (err == 0)
        err = loop_new(&r->loop, e);
    if (err < 0)
        return err;

    /* A peer that goes away is an error of one write, not the end of the daemon. */
    signal(SIGPIPE, SIG_IGN);
    loop_add_signal(r->loop, SIGTERM, on_stop, r);
    loop_add_signal(r->loop, SIGINT, on_stop, r);
    loop_add_signal(r->loop, SIGHUP, on_reload, r);
    loop_add_signal(r->loop, SIGUSR2, log_reopen, r);
    if (r->d->open && (err = r->d->open(r->ctx, r->loop, e)) < 0)
        return err;
    pid_write(r);
    return 0;
}

static int serve(struct run *r)
{
    started(r, EXIT_SUCCESS);
    notify("READY=1");
    while (!loop_stopped(r->loop)) {
        loop_once(r->loop, -1);
        if (r->d->turn)
            r->d->turn(r->ctx);
    }
    notify("STOPPING=1");
    if (r->d->close)
        r->d->close(r->ctx);
    stop(r);
    return EXIT_SUCCESS;
}

static void stop(struct run *r)
{
    loop_free(r->loop);
    if (r->pid_file < 0)
        return;
    /* The directory is often root's; an empty file says "not running" as well as none does. */
    if (unlink(r->place.pid_path) < 0 && ftruncate(r->pid_file, 0) < 0)
        log_error("pid file %s: %s", r->place.pid_path, strerror(errno));
    close(r->pid_file);
}

static void on_stop(void *ctx, int signo)
{
    struct run *r = ctx;

    log_info("%s stops on signal %d", r->d->name, signo);
    loop_stop(r->loop);
}

static void on_reload(void *ctx, int signo)
{
    struct run *r = ctx;

    log_reopen(ctx, signo);
    if (r->d->reload)
        r->d->reload(r->ctx);
}

/* ---- the process */

/* Forks.  The parent waits for the status of open() and exits with it; only the child returns. */
static int background(struct run *r)
{
    int ends[2];
    unsigned char status = EXIT_FAILURE;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        log_error("pipe: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        r->starter = ends[1];
        setsid();
        return GO_ON;
    }
    close(ends[1]);
    if (pid < 0 || read(ends[0], &status, 1) != 1)
        status = EXIT_FAILURE;
    _exit(status); /* what configure() made is the child's to free */
}

/* Tells the starter, and lets go of its terminal when all went well. */
static void started(struct run *r, int status)
{
    unsigned char byte = (unsigned char)status;

    if (r->starter < 0)
        return;
    if (write(r->starter, &byte, 1) != 1)
        log_debug("nobody waits for the start of %s", r->d->name);
    close(r->starter);
    r->starter = -1;
    if (status != EXIT_SUCCESS)
        return;

    CLEANUP(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    log_set_stderr(LOG_QUIET);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (chdir("/") < 0)
        log_error("chdir /: %s", strerror(errno));
}

static void limits_set(const struct daemon *d)
{
    struct rlimit files;
    const struct rlimit none = { 0, 0 };

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (d->holds_keys) {
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_DUMPABLE, 0);
    }
}

/* ---- files and user */

/* A log file that is not there yet is made by root for the user; an existing one is left as the
 * site has it. */
static void log_create(const char *path, uid_t uid, gid_t gid)
{
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd >= 0 && fchown(fd, uid, gid) < 0)
        log_error("chown %s: %s", path, strerror(errno));
}

/* Two daemons with one pid file is one too many.  A record lock and not flock: children do not
 * inherit it, and the one that writes a snapshot may outlive us.  Nor does the background process,
 * so here is only a look; the lock is taken in pid_write. */
static int pid_open(const char *path, int *ret, struct err *e)
{
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (fd < 0)
        return err_errno(e, "pid file %s", path);
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        return err_set(e, EEXIST, "pid file %s is locked: already running as process %d", path,
                       (int)lock.l_pid);
    *ret = TAKE_FD(fd);
    return 0;
}

static void pid_write(struct run *r)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (r->pid_file < 0)
        return;
    if (fcntl(r->pid_file, F_SETLK, &lock) < 0)
        die("pid file %s is locked: already running", r->place.pid_path);
    if (ftruncate(r->pid_file, 0) < 0 || dprintf(r->pid_file, "%d\n", (int)getpid()) < 0)
        log_error("pid file %s: %s", r->place.pid_path, strerror(errno));
}

/* SlurmUser is a name, or a number where the user database has none for it. */
static const struct passwd *user_find(const char *name)
{
    bool is_number = *name && !name[strspn(name, "0123456789")];

    return is_number ? getpwuid((uid_t)strtoul(name, NULL, 10)) : getpwnam(name);
}

static int places_open(struct run *r, struct err *e)
{
    const struct daemon_place *p = &r->place;
    const struct passwd *user = p->user && *p->user ? user_find(p->user) : NULL;
    int err;

    if (p->user && *p->user && !user)
        return err_set(e, ENOENT, "no such user: %s", p->user);
    if (p->pid_path && (err = pid_open(p->pid_path, &r->pid_file, e)) < 0)
        return err;
    if (p->log_path && user)
        log_create(p->log_path, user->pw_uid, user->pw_gid);
    if (user && (err = drop_user(p->user, e)) < 0)
        return err;
    err = p->log_path ? log_to_file(p->log_path, p->log_level + r->args.verbose) : 0;
    return err < 0 ? err_set(e, -err, "log file %s: %s", p->log_path, strerror(-err)) : 0;
}

static void log_reopen(void *ctx, int signo)
{
    struct run *r = ctx;
    const struct daemon_place *p = &r->place;

    if (r->d->reopen_log)
        r->d->reopen_log(r->ctx);
    else if (p->log_path && log_to_file(p->log_path, p->log_level + r->args.verbose) < 0)
        log_error("cannot reopen %s", p->log_path);
}

/* All of it or an error, and then proof: the kernel is asked what we are, and root must be out
 * of reach. */
static int drop_user(const char *name, struct err *e)
{
    const struct passwd *user = user_find(name);
    uid_t real, effective, saved;

    if (!user)
        return err_set(e, ENOENT, "no such user: %s", name);
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    if (geteuid() == uid)
        return 0;
    if (geteuid() != 0)
        return err_set(e, EPERM, "only root can become user %s", name);

    if (initgroups(name, gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return err_errno(e, "become user %s", name);
    if (getresuid(&real, &effective, &saved) < 0 || real != uid || effective != uid || saved != uid)
        return err_set(e, EPERM, "become user %s: the kernel says otherwise", name);
    if (uid != 0 && (setuid(0) == 0 || setgid(0) == 0))
        return err_set(e, EPERM, "become user %s: root is still in reach", name);
    return 0;
}

/* The protocol of systemd's sd_notify: one datagram to the socket it named. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;

    if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0';

    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
        log_debug("notify: %s", strerror(errno));
}
