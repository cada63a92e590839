/* slurmstepd-pmix: the PMIx server of a step on one node, around Debian's libpmix.
 *
 * A program of its own because the library brings threads and a megabyte with it, and slurmstepd
 * has neither.  It runs as the user, is started by slurmstepd-io and ends with it.  Calls of the
 * library come on its thread: they write to the link, whole messages under one lock, and nothing
 * else of ours is shared. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/xalloc.h"
#include "schema/messages.h"
#include "slurmstepd/pmix_link.h"
#include "wire/wire.h"

#include <errno.h>
#include <pmix_server.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INFO_MAX 24

/* A fence that waits for the other nodes.  The library has one of ours at a time. */
struct fence {
    pmix_modex_cbfunc_t done;
    void *ctx;
};

struct server {
    const struct step_launch *order;
    struct arena arena;
    pmix_nspace_t space;
    uint32_t size;
};

static int read_all(int fd, void *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, (char *)to + at, len - at);
        if (n == 0 || (n < 0 && errno != EINTR))
            return -EPIPE;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void write_all(const void *from, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(PMIX_FD_LINK, (const char *)from + at, len - at);
        if (n < 0 && errno != EINTR)
            _exit(EXIT_FAILURE); /* slurmstepd-io is gone */
        at += n > 0 ? (size_t)n : 0;
    }
}

static void tell(uint32_t type, uint32_t rank, const void *body, size_t len)
{
    const struct pmix_link_head h = { type, rank, (uint32_t)len };

    flockfile(stdout); /* a lock that is there in every program */
    write_all(&h, sizeof h);
    write_all(body, len);
    funlockfile(stdout);
}

/* ---- what the library asks of us */

static pmix_status_t on_fence(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                              size_t ninfo, char *data, size_t ndata, pmix_modex_cbfunc_t done,
                              void *ctx)
{
    const struct fence f = { done, ctx };
    struct buf body = { 0 };

    /* The continuation travels with the data to the other thread, and comes back to nobody else. */
    buf_put(&body, &f, sizeof f);
    buf_put(&body, data, ndata);
    tell(PMIX_LINK_FENCE, 0, body.data, body.len);
    buf_fini(&body);
    free(data);
    return PMIX_SUCCESS;
}

static pmix_status_t on_abort(const pmix_proc_t *proc, void *object, int status, const char msg[],
                              pmix_proc_t procs[], size_t nprocs, pmix_op_cbfunc_t done, void *ctx)
{
    tell(PMIX_LINK_ABORT, proc->rank, msg ? msg : "", msg ? strlen(msg) : 0);
    if (done)
        done(PMIX_SUCCESS, ctx);
    return PMIX_SUCCESS;
}

static pmix_status_t on_connected(const pmix_proc_t *proc, void *object, pmix_op_cbfunc_t done,
                                  void *ctx)
{
    return PMIX_OPERATION_SUCCEEDED;
}

static pmix_status_t on_finalized(const pmix_proc_t *proc, void *object, pmix_op_cbfunc_t done,
                                  void *ctx)
{
    return PMIX_OPERATION_SUCCEEDED;
}

/* ---- what the library is told */

static const struct step_node *parts(const struct server *s, uint32_t *ret_n)
{
    *ret_n = s->order->parts.n;
    return s->order->parts.v;
}

static void put_ranks(struct buf *out, const struct u32s *ranks)
{
    for (uint32_t i = 0; i < ranks->n; i++)
        buf_printf(out, "%s%u", i ? "," : "", ranks->v[i]);
}

/* "n1,n2" and "0,1;2,3" in the library's own shorthand. */
static void maps(const struct server *s, char **ret_nodes, char **ret_ranks)
{
    struct buf nodes = { 0 }, ranks = { 0 };
    uint32_t n;
    const struct step_node *v = parts(s, &n);

    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&nodes, "%s%s", i ? "," : "", v[i].name);
        buf_puts(&ranks, i ? ";" : "");
        put_ranks(&ranks, &v[i].tasks);
    }
    PMIx_generate_regex(buf_str(&nodes), ret_nodes);
    PMIx_generate_ppn(buf_str(&ranks), ret_ranks);
    buf_fini(&nodes);
    buf_fini(&ranks);
}

struct infos {
    pmix_info_t *v;
    size_t n;
};

static void put_u32(struct infos *to, const char *key, uint32_t value)
{
    PMIx_Info_load(&to->v[to->n++], key, &value, PMIX_UINT32);
}

static void put_u16(struct infos *to, const char *key, uint16_t value)
{
    PMIx_Info_load(&to->v[to->n++], key, &value, PMIX_UINT16);
}

static void put_text(struct infos *to, const char *key, const char *value)
{
    PMIx_Info_load(&to->v[to->n++], key, value, PMIX_STRING);
}

static void put_rank(struct infos *to, const char *key, pmix_rank_t value)
{
    PMIx_Info_load(&to->v[to->n++], key, &value, PMIX_PROC_RANK);
}

/* One process of the step, wherever it is. */
static void put_process(struct infos *to, uint32_t node, uint32_t local, uint32_t rank)
{
    pmix_data_array_t all;
    struct infos one = { .n = 0 };

    PMIX_INFO_CREATE(one.v, 8);
    put_rank(&one, PMIX_RANK, rank);
    put_u32(&one, PMIX_APPNUM, 0);
    put_rank(&one, PMIX_APPLDR, 0);
    put_rank(&one, PMIX_GLOBAL_RANK, rank);
    put_rank(&one, PMIX_APP_RANK, rank);
    put_u16(&one, PMIX_LOCAL_RANK, (uint16_t)local);
    put_u16(&one, PMIX_NODE_RANK, (uint16_t)local);
    put_u32(&one, PMIX_NODEID, node);
    all = (pmix_data_array_t){ .type = PMIX_INFO, .size = one.n, .array = one.v };
    PMIx_Info_load(&to->v[to->n++], PMIX_PROC_DATA, &all, PMIX_DATA_ARRAY);
    PMIX_INFO_FREE(one.v, 8);
}

/* Done on the library's thread; `active` falls when it is. */
static void on_done(pmix_status_t status, void *ctx)
{
    __atomic_store_n((int *)ctx, status == PMIX_SUCCESS ? 0 : -1, __ATOMIC_RELEASE);
}

static int wait_done(int *active)
{
    while (__atomic_load_n(active, __ATOMIC_ACQUIRE) == 1)
        usleep(200);
    return *active;
}

static int settle(pmix_status_t status, int *active)
{
    if (status == PMIX_OPERATION_SUCCEEDED)
        return 0;
    return status == PMIX_SUCCESS ? wait_done(active) : -1;
}

static int register_step(struct server *s)
{
    const struct step_node *mine = &s->order->parts.v[s->order->self];
    char *nodes, *ranks;
    struct infos to = { .n = 0 };
    struct buf peers = { 0 };
    int active = 1;
    uint32_t n;
    const struct step_node *v = parts(s, &n);

    maps(s, &nodes, &ranks);
    put_ranks(&peers, &mine->tasks);
    PMIX_INFO_CREATE(to.v, INFO_MAX + s->size);
    put_u32(&to, PMIX_UNIV_SIZE, s->size);
    put_u32(&to, PMIX_JOB_SIZE, s->size);
    put_u32(&to, PMIX_MAX_PROCS, s->size);
    put_u32(&to, PMIX_APP_SIZE, s->size);
    put_u32(&to, PMIX_LOCAL_SIZE, mine->tasks.n);
    put_u32(&to, PMIX_NODE_SIZE, mine->tasks.n);
    put_u32(&to, PMIX_NUM_NODES, n);
    put_u32(&to, PMIX_JOB_NUM_APPS, 1);
    put_u32(&to, PMIX_NODEID, s->order->self);
    put_text(&to, PMIX_JOBID, s->space);
    put_text(&to, PMIX_NODE_MAP, nodes);
    put_text(&to, PMIX_PROC_MAP, ranks);
    put_text(&to, PMIX_LOCAL_PEERS, buf_str(&peers));
    put_rank(&to, PMIX_LOCALLDR, mine->tasks.v[0]);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t t = 0; t < v[i].tasks.n; t++)
            put_process(&to, i, t, v[i].tasks.v[t]);
    int err = settle(
        PMIx_server_register_nspace(s->space, (int)mine->tasks.n, to.v, to.n, on_done, &active),
        &active);
    PMIX_INFO_FREE(to.v, INFO_MAX + s->size);
    buf_fini(&peers);
    free(nodes);
    free(ranks);
    return err;
}

static int register_task(struct server *s, uint32_t rank)
{
    pmix_proc_t proc;
    char **env = NULL;
    int active = 1;

    PMIX_LOAD_PROCID(&proc, s->space, rank);
    if (settle(PMIx_server_register_client(&proc, getuid(), getgid(), NULL, on_done, &active),
               &active) < 0 ||
        PMIx_server_setup_fork(&proc, &env) != PMIX_SUCCESS)
        return -1;
    for (char **at = env; at && *at; at++) {
        tell(PMIX_LINK_ENV, rank, *at, strlen(*at));
        free(*at);
    }
    free(env);
    return 0;
}

/* Several nodes may be one machine: Open MPI names its shared memory after the machine, and tasks
 * of two nodes would meet in it. */
static void part_shared_memory(const struct server *s, uint32_t rank, const char *dir)
{
    char host[256] = "", text[512];

    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    if (strcmp(host, s->order->parts.v[s->order->self].name) == 0)
        return;
    snprintf(text, sizeof text, "OMPI_MCA_btl_vader_backing_directory=%.400s", dir);
    tell(PMIX_LINK_ENV, rank, text, strlen(text));
}

/* ---- the program */

static void release(void *data)
{
    free(data);
}

static void serve(void)
{
    struct pmix_link_head h;
    struct fence f;

    while (read_all(PMIX_FD_LINK, &h, sizeof h) == 0 && h.type == PMIX_LINK_FENCE &&
           h.len >= sizeof f && h.len <= PMIX_BODY_MAX) {
        size_t len = h.len - sizeof f;
        if (read_all(PMIX_FD_LINK, &f, sizeof f) < 0)
            return;
        char *data = xmalloc(len + 1);
        if (read_all(PMIX_FD_LINK, data, len) < 0) {
            free(data);
            return;
        }
        f.done(PMIX_SUCCESS, data, len, f.ctx, release, data);
    }
}

static int order_read(struct server *s)
{
    struct stat st;
    void *msg;

    if (fstat(PMIX_FD_LAUNCH, &st) < 0 || st.st_size == 0)
        return -1;
    void *body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, PMIX_FD_LAUNCH, 0);
    if (body == MAP_FAILED ||
        wire_unpack_new(&desc_step_launch, body, (size_t)st.st_size, &s->arena, &msg, NULL) < 0)
        return -1;
    munmap(body, (size_t)st.st_size);
    close(PMIX_FD_LAUNCH);
    s->order = msg;
    for (uint32_t i = 0; i < s->order->parts.n; i++)
        s->size += s->order->parts.v[i].tasks.n;
    snprintf(s->space, sizeof s->space, "slurm.pmix.%u.%u", s->order->job->job_id,
             s->order->step_id);
    return 0;
}

static int server_start(const char *dir)
{
    pmix_server_module_t module = { .client_connected = on_connected,
                                    .client_finalized = on_finalized,
                                    .abort = on_abort,
                                    .fence_nb = on_fence };
    struct infos to = { .n = 0 };

    PMIX_INFO_CREATE(to.v, 2);
    put_text(&to, PMIX_SERVER_TMPDIR, dir);
    put_text(&to, PMIX_SYSTEM_TMPDIR, dir);
    int err = PMIx_server_init(&module, to.v, to.n) == PMIX_SUCCESS ? 0 : -1;
    PMIX_INFO_FREE(to.v, 2);
    return err;
}

int main(int argc, char **argv)
{
    struct server s = { .size = 0 };

    if (argc != 2 || order_read(&s) < 0 || server_start(argv[1]) < 0 || register_step(&s) < 0)
        return EXIT_FAILURE;
    const struct u32s *mine = &s.order->parts.v[s.order->self].tasks;
    for (uint32_t i = 0; i < mine->n; i++) {
        if (register_task(&s, mine->v[i]) < 0)
            return EXIT_FAILURE;
        part_shared_memory(&s, mine->v[i], argv[1]);
    }
    tell(PMIX_LINK_READY, 0, "", 0);
    serve();
    PMIx_server_finalize();
    _exit(EXIT_SUCCESS);
}
