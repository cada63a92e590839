/* Tests that play the controller for a real slurmd: over a unix socket (or TCP, with a munged of
 * their own), with the real frames.  Works as root (jobs of a throw-away uid too) and as an
 * ordinary user. */
#ifndef TESTS_SLURMD_KIT_H
#define TESTS_SLURMD_KIT_H

#include "test.h"

#include "auth/server.h"
#include "base/arena.h"
#include "base/clock.h"
#include "net/rpc.h"
#include "wire/wire.h"

#define OTHER_UID 65533u /* of nobody on this machine */
#define JOBS_MAX 512
#define PATIENCE_S 60
#define SECOND 1000000000LL

struct outcome {
    unsigned ended, cleaned; /* how often it was reported */
    int wait_status;
    bool is_clean;
    uint64_t max_rss_kb;
    char error[256], words[256];
};

struct ctl {
    struct loop *loop;
    struct listener *listener;
    struct conn *node; /* registered */
    unsigned registrations;
    struct arena arena;
    struct node_register last; /* in the arena */
    bool is_deaf;              /* do not acknowledge reports */
    uint32_t request;
    struct {
        uint32_t request;
        bool has;
        int code;
    } answer;
    struct outcome jobs[JOBS_MAX];
    pid_t slurmd, munged;
    struct munge_async *munge;
    struct auth_server *auth;
    struct peer peer; /* who registered */
    char dir[64];
    const char *stepd; /* to be started instead of the real one */
    unsigned uid;
    bool forges; /* as a listener would that was taken over: launches without the seal */
};

/* Turns the loop until the condition holds; a test that waits in vain fails here. */
#define WAIT_FOR(t, condition)                                              \
    do {                                                                    \
        int64_t until_ = clock_mono_ns() + PATIENCE_S * SECOND;             \
        while (!(condition) && clock_mono_ns() < until_)                    \
            loop_once((t)->loop, 20);                                       \
        if (!(condition))                                                   \
            fail_msg("waited %d s in vain for %s", PATIENCE_S, #condition); \
    } while (0)

#define assert_contains(text, part)                            \
    do {                                                       \
        if (!strstr((text), (part)))                           \
            fail_msg("\"%s\" is not in:\n%s", (part), (text)); \
    } while (0)

void slurmd_start(struct ctl *t);
int slurmd_kill(struct ctl *t, int signo); /* its wait status */
void write_conf(struct ctl *t, const char *more);
void dir_open(struct ctl *t);
void ctl_open(struct ctl *t, const char *more_conf);
void ctl_open_in_dir(struct ctl *t, const char *more_conf); /* after dir_open() */
void ctl_open_tcp(struct ctl *t);                           /* the way between hosts */
void ctl_close(struct ctl *t);

/* Sends and waits for the answer; returns its code. */
int ask(struct ctl *t, uint16_t opcode, const struct desc *d, const void *msg);
struct launch a_launch(struct ctl *t, uint32_t job, const char *script);
int launch(struct ctl *t, uint32_t job, const char *script);
int end(struct ctl *t, uint32_t job, uint32_t wait_s, const char *why);
const char *text_of(struct ctl *t, const char *name); /* of the working directory; "" when none */

#endif
