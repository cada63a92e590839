/* The one main: arguments, user, log, pid file, notify, loop (HOUSE section 2).
 * Every daemon starts, reloads and stops here and nowhere else. */
#ifndef NET_DAEMON_H
#define NET_DAEMON_H

#include "base/err.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>

struct daemon_args {
    const char *conf_path; /* -f FILE; NULL: SLURM_CONF, then the built-in default */
    bool foreground;       /* -D, or -F as munged spells it */
    bool clean_start;      /* -c */
    int verbose;           /* count of -v */
    int argc;              /* the whole command line, for the daemon's own options */
    char **argv;
};

/* What open() tells the frame before it forks to the background. */
struct daemon_place {
    const char *log_path; /* NULL: stderr only */
    const char *pid_path; /* NULL: none */
    const char *user;     /* drop to this user before loading state; NULL or "": stay */
    int log_level;        /* enum log_level for the file */
};

struct option; /* <getopt.h> */

struct daemon {
    const char *name;
    /* Extra getopt letters, e.g. "N:d:C", seen by option().  One that the frame has too
     * ("DFf:cvhV") is the daemon's then. */
    const char *options;
    /* NULL, or rows whose val is a letter of either; values above 255 are the daemon's. */
    const struct option *long_options;
    const char *usage;   /* text of -h; -V and -h are answered by the frame */
    const char *version; /* text of -V; NULL: SLURM_COMPAT_VERSION */
    size_t ctx_size;     /* bytes of zeroed context that every callback gets */
    void *ctx;           /* or the context itself, owned by whoever calls daemon_run */
    bool holds_keys;     /* no core files, no ptrace by others */

    /* Each may be NULL.  configure() > 0: all is done, exit 0.  open() makes sockets and loads
     * state, as the user; it may fail with a reason. */
    int (*option)(void *ctx, int letter, const char *arg, struct err *e);
    int (*configure)(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                     struct err *e);
    int (*open)(void *ctx, struct loop *loop, struct err *e);
    void (*turn)(void *ctx);   /* after each batch of events */
    void (*reload)(void *ctx); /* SIGHUP */
    void (*reopen_log)(void *ctx); /* NULL: the frame opens log_path again; who may not itself */
    void (*close)(void *ctx);  /* orderly stop: SIGTERM, SIGINT, loop_stop */
};

/* Prints "slurm 25.11.0" for -V (the contract that scripts parse).  In the background the parent
 * exits 0 only after open() succeeded, with its status otherwise; sd_notify READY=1 when
 * NOTIFY_SOCKET is set. Exit status: 0 stopped in order, 1 failure, 2 misuse. */
int daemon_run(int argc, char **argv, const struct daemon *d);

#define SLURM_COMPAT_RELEASE "25.11.0"
#define SLURM_COMPAT_VERSION "slurm " SLURM_COMPAT_RELEASE

#endif
