/* What has to be done to a request before the core sees it, or instead. */
#include "slurmctld/ctld.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/prio_job.h"
#include "schema/errors.h"
#include "wire/wire.h"

#include <errno.h>
#include <string.h>

/* ---- submit */

#define SUBMIT_COST 8192 /* bytes of facts that a job leads to, generously */

/* The owner is the peer; root and SlurmUser may name another.  What the message says about names is
 * not believed. */
static int settle_owner(struct ctld *c, struct pending *p, struct job_spec *spec, struct err *e)
{
    struct who *who = &p->in.who;
    uid_t uid = spec->user_id.set ? spec->user_id.v : who->uid;
    bool is_self = uid == who->uid;

    if (!is_self && who->role < ROLE_SLURM)
        return err_set(e, ESLURM_USER_ID_MISSING, "%s", errors_text(ESLURM_USER_ID_MISSING));
    const struct user *user = names_wait(c->names, uid);
    if (user->is_late)
        return err_set(e, EAGAIN, "the user database does not answer: who is uid %u?", uid);
    if (!is_self && !user->is_known)
        return err_set(e, ESLURM_USER_ID_MISSING, "%s\nnobody has uid %u here",
                       errors_text(ESLURM_USER_ID_MISSING), uid);
    gid_t own = is_self ? who->gid : user->gid;
    gid_t gid = spec->group_id.set ? spec->group_id.v : own;
    if (gid != own && who->role < ROLE_SLURM && !user_is_in(user, gid))
        return err_set(e, ESLURM_GROUP_ID_MISSING, "%s\n%s is not in group %u",
                       errors_text(ESLURM_GROUP_ID_MISSING), user->name, gid);

    spec->user_id = (struct opt_u32){ true, uid };
    spec->group_id = (struct opt_u32){ true, gid };
    spec->user_name = arena_strdup(&c->queue_arena, user->name);
    who->user_name = spec->user_name;
    who->groups = user->group_names;
    who->is_member_known = true;
    return 0;
}

static int store_environment(struct ctld *c, struct pending *p, const struct strs *env,
                             struct err *e)
{
    CLEANUP(buf_fini) struct buf text = { 0 };

    if (env->n == 0)
        return 0;
    for (uint32_t i = 0; i < env->n; i++)
        buf_put(&text, env->v[i], strlen(env->v[i]) + 1);
    if (text.len > ENV_MAX)
        return err_set(e, E2BIG, "the environment has %zu MiB, more than %u", text.len >> 20,
                       ENV_MAX >> 20);
    return blobs_put(c->blobs, text.data, text.len, &p->in.environment, e);
}

static int store_script(struct ctld *c, struct pending *p, const struct bytes *script,
                        struct err *e)
{
    if (script->len == 0)
        return 0;
    if (script->len > SCRIPT_MAX)
        return err_set(e, E2BIG, "the script has %u KiB, more than %u", script->len >> 10,
                       SCRIPT_MAX >> 10);
    return blobs_put(c->blobs, script->p, script->len, &p->in.script, e);
}

static struct bytes pack_cold(struct ctld *c, const struct job_spec *spec)
{
    CLEANUP(buf_fini) struct buf packed = { 0 };
    struct job_spec cold = *spec;

    cold.script = (struct bytes){ 0 };
    cold.environment = (struct strs){ 0 };
    cold.request_key = 0;
    wire_pack(&desc_job_spec, &cold, &packed);
    return (struct bytes){ arena_memdup(&c->queue_arena, packed.data, packed.len),
                           (uint32_t)packed.len };
}

int prepare_submit(struct ctld *c, struct pending *p, struct err *e)
{
    struct job_spec *spec = (struct job_spec *)p->in.body;

    /* What it may cost, counted before it is known to be stored already. */
    c->space -= SUBMIT_COST + spec->script.len;
    for (uint32_t i = 0; i < spec->environment.n; i++)
        c->space -= (int64_t)strlen(spec->environment.v[i]);
    if (c->space <= 0)
        return err_set(e, ENOSPC, "controller disk full: %s %llu MiB free",
                       conf_str(c->conf, "StateSaveLocation"),
                       (unsigned long long)(wal_free_bytes(c->wal) >> 20));
    int r = settle_owner(c, p, spec, e);
    if (r == 0 && !spec->test_only)
        r = store_script(c, p, &spec->script, e);
    if (r == 0 && !spec->test_only)
        r = store_environment(c, p, &spec->environment, e);
    if (r == 0)
        p->in.cold = pack_cold(c, spec);
    return r;
}

/* ---- reports of nodes */

int prepare_node(struct ctld *c, struct pending *p, struct err *e)
{
    struct conn *conn = conn_find(c->loop, p->call.conn);
    const struct node_register *reg = p->in.body;

    if (!p->call.conn)
        return 0; /* our own report of a failed start */
    if (!conn)
        return err_set(e, ENOTCONN, "the node went away; it will say it again");
    if (p->in.kind != OP_node_hello)
        return nodes_of(c, conn, &p->in.node)
                   ? 0
                   : err_set(e, ESLURM_INVALID_NODE_NAME, "a node must register first");
    int node = core_node_index(c->core, reg->name);
    if (node < 0)
        return err_set(e, ESLURM_INVALID_NODE_NAME, "node %s is not in the controller's %s",
                       reg->name, conf_path(c->conf));
    p->in.node = (uint32_t)node;
    nodes_bind(c, p->in.node, conn);
    nodes_owe(c, p->in.node);
    return 0;
}

/* ---- administration */

/* The part of slurm.conf that the core decides with; it is journalled when it changed. */
int configure_core(struct ctld *c, const struct conf *conf, const struct call *call, struct err *e)
{
    struct core_conf *body = arena_alloc(&c->arena, sizeof *body);
    struct input in = { .kind = INPUT_CONFIGURE, .body = body };

    in.who.role = ROLE_SLURM;
    int r = conf_to_core(conf, &c->arena, body, e);
    if (r == 0)
        r = prio_conf_read(body, &c->arena, &(struct prio_conf){ 0 }, e);
    if (r < 0)
        return r;
    return turn_step(c, &in, call) ? 0 : 1;
}

/* All or nothing: the old configuration stays when anything is wrong with the new one. */
int do_reconfigure(struct ctld *c, const struct pending *p, struct err *e)
{
    struct conf *conf = NULL;

    int r = conf_load(c->conf_path, &conf, e);
    if (r == 0)
        r = configure_core(c, conf, &p->call, e);
    if (r != 0) {
        conf_free(conf);
        return err_at(e, r, "the old configuration stays");
    }
    conf_free(c->conf);
    c->conf = conf;
    fair_configure(c->fair, conf);
    const char *path = conf_str(conf, "SlurmctldLogFile");
    if (*path)
        log_to_file(path, log_parse_level(conf_str(conf, "SlurmctldDebug")));
    log_info("reconfigured from %s", c->conf_path);
    return 0;
}

int do_set_debug(struct ctld *c, const struct pending *p, struct err *e)
{
    const struct debug_request *request = p->in.body;
    enum log_level level = log_parse_level(request->level);
    const char *path = conf_str(c->conf, "SlurmctldLogFile");

    if ((int)level < 0)
        return err_set(e, EINVAL, "unknown log level %s", request->level);
    log_set_stderr(level);
    if (*path)
        log_to_file(path, level);
    log_info("log level set to %s", request->level);
    turn_hold(c, &p->call, &desc_empty, &(struct empty){});
    return 0;
}
