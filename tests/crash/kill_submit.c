/* kill -9 of slurmctld at random instants while four submitters run (issue 2, point 2): no
 * acknowledged job may be lost and no id given twice.  Usage: kill_submit SLURMCTLD [KILLS].  Exit
 * 0 when the promise was kept. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "client/client.h"
#include "schema/messages.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SUBMITTERS 4
#define LIVES_MS 400 /* longest life of a controller */

struct bench {
    const char *slurmctld;
    char dir[64], conf[96], host[256];
    uint16_t port;
    pid_t ctld;
    uint64_t seed;
};

static uint64_t next_random(struct bench *b)
{
    b->seed = hash_u64(b->seed + 1);
    return b->seed;
}

static void pause_ms(uint64_t ms)
{
    struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

    nanosleep(&t, NULL);
}

static void set_up(struct bench *b)
{
    struct passwd *me = getpwuid(getuid());

    gethostname(b->host, sizeof b->host - 1);
    snprintf(b->dir, sizeof b->dir, "/tmp/sluice-kill-XXXXXX");
    if (!mkdtemp(b->dir))
        die("mkdtemp: %m");
    snprintf(b->conf, sizeof b->conf, "%s/slurm.conf", b->dir);
    b->seed = (uint64_t)clock_mono_ns();
    b->port = (uint16_t)(20000 + getpid() % 20000);
    FILE *f = fopen(b->conf, "we");
    if (!f)
        die("%s: %m", b->conf);
    fprintf(f,
            "ClusterName=kill\nSlurmctldHost=%s\nSlurmUser=%s\nSlurmctldPort=%u\n"
            "StateSaveLocation=%s/state\nSlurmctldPidFile=%s/pid\nSlurmctldDebug=error\n"
            "SlurmctldLogFile=%s/log\nMaxJobCount=1000000\nAuthInfo=socket=%s/munge\n"
            /* Small segments: snapshots are taken, and interrupted, all the time. */
            "SlurmctldParameters=journal_segment_mb=1,journal_ballast_mb=1\n"
            "NodeName=n1 CPUs=4\nPartitionName=debug Nodes=ALL Default=YES\n",
            b->host, me ? me->pw_name : "root", b->port, b->dir, b->dir, b->dir, b->dir);
    if (fclose(f) != 0)
        die("%s: %m", b->conf);
}

static void clean_up(const char *dir)
{
    struct dirent *entry;

    CLEANUP(closedirp) DIR *d = opendir(dir);
    while (d && (entry = readdir(d))) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) < 0 && (errno == EISDIR || errno == EPERM))
            clean_up(path);
    }
    rmdir(dir);
}

static void start(struct bench *b)
{
    b->ctld = fork();
    if (b->ctld == 0) {
        CLEANUP(freep) char *path = xasprintf("%s/stderr", b->dir);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, STDERR_FILENO);
        execl(b->slurmctld, b->slurmctld, "-D", "-f", b->conf, NULL);
        _exit(127);
    }
}

/* 9 is expected; anything else is a crash of its own making. */
static void stop(struct bench *b)
{
    int status = 0;

    kill(b->ctld, SIGKILL);
    if (waitpid(b->ctld, &status, 0) != b->ctld || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL)
        die("slurmctld ended by itself with status 0x%x, see %s/stderr", (unsigned)status, b->dir);
}

static void connect_to(struct bench *b, struct target_host *host, struct client **ret)
{
    *host = (struct target_host){ b->host, "127.0.0.1" };
    struct client_target to = {
        .to = { .service = "slurmctld",
                .hosts = host,
                .host_count = 1,
                .port = b->port,
                .server_uid = getuid() },
        .timeout_ms = 30000,
    };
    client_open(&to, ret);
}

/* Submits until it is killed; every id it was told goes to the file with one write. */
static void submit_forever(struct bench *b, int out, unsigned who)
{
    struct target_host host;
    struct client *client;
    struct arena a = { 0 };
    struct err e;
    const char *environment[] = { "PATH=/bin", "A=1" };
    char script[64];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    connect_to(b, &host, &client);
    for (unsigned i = 0;; i++) {
        int len = snprintf(script, sizeof script, "#!/bin/sh\n: %u %u\n", who, i % 100);
        struct job_spec spec = {
            .name = "kill",
            .work_dir = "/tmp",
            .hold = true,
            .batch = true,
            .script = { (const uint8_t *)script, (uint32_t)len },
            .environment = { environment, 2 },
            .request_key = hash_u64((uint64_t)clock_mono_ns() ^ (uint64_t)who << 56),
        };
        struct job_submitted *done;
        if (client_call(client, OP_job_submit, &spec, &a, (void **)&done, &e) < 0)
            die("submit: %s", e.text);
        if (write(out, &done->job_id, sizeof done->job_id) != sizeof done->job_id)
            _exit(1);
        arena_reset(&a);
    }
}

/* Ids the controller knows, all pages. */
static void list_jobs(struct bench *b, struct map *known)
{
    struct target_host host;
    struct client *client;
    struct arena a = { 0 };
    const char *all[] = { "all" };
    struct job_query q = { .states = { all, 1 } };
    struct job_infos *got;
    struct err e;

    connect_to(b, &host, &client);
    do {
        arena_reset(&a);
        if (client_call(client, OP_job_list, &q, &a, (void **)&got, &e) < 0)
            die("list: %s", e.text);
        for (uint32_t i = 0; i < got->jobs.n; i++) {
            if (map_get(known, got->jobs.v[i].job_id))
                die("job %u is listed twice", got->jobs.v[i].job_id);
            map_put(known, got->jobs.v[i].job_id, b);
            q.after_job = got->jobs.v[i].record;
        }
    } while (got->more);
    arena_fini(&a);
    client_close(client);
}

static int compare(struct bench *b, int acked_fd, unsigned kills)
{
    struct map known = { 0 };
    struct map acked = { 0 };
    unsigned lost = 0;
    unsigned reused = 0;
    unsigned n = 0;
    uint32_t id;

    list_jobs(b, &known);
    for (off_t at = 0; pread(acked_fd, &id, sizeof id, at) == sizeof id; at += sizeof id, n++) {
        reused += map_get(&acked, id) != NULL;
        lost += map_get(&known, id) == NULL;
        map_put(&acked, id, b);
    }
    printf("%u kills, %u acknowledged, %u known, %u lost, %u ids given twice\n", kills, n,
           known.count, lost, reused);
    /* A job whose answer was cut off by the end of the test is known without having been
     * acknowledged. */
    bool is_good = n > kills && lost == 0 && reused == 0 && known.count <= n + SUBMITTERS;
    map_fini(&known);
    map_fini(&acked);
    return is_good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct bench b = { .slurmctld = argc > 1 ? argv[1] : "slurmctld" };
    unsigned kills = argc > 2 ? (unsigned)atoi(argv[2]) : 50;
    pid_t submitters[SUBMITTERS];

    log_init("kill_submit", LOG_INFO);
    set_up(&b);
    CLEANUP(freep) char *path = xasprintf("%s/acked", b.dir);
    CLEANUP(closep) int acked = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    start(&b);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        submitters[i] = fork();
        if (submitters[i] == 0)
            submit_forever(&b, acked, i);
    }
    for (unsigned i = 0; i < kills; i++) {
        pause_ms(20 + next_random(&b) % LIVES_MS);
        stop(&b);
        start(&b);
    }
    pause_ms(LIVES_MS);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        kill(submitters[i], SIGKILL);
        waitpid(submitters[i], NULL, 0);
    }
    int r = compare(&b, acked, kills);
    stop(&b);
    if (r == 0)
        clean_up(b.dir);
    else
        log_error("everything is left in %s", b.dir);
    return r;
}
