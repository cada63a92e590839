/* Effects to frames.  Everything here is on disk already. */
#include "slurmctld/ctld.h"

#include "base/log.h"
#include "net/rpc.h"
#include "schema/errors.h"
#include "wire/wire.h"

#include <assert.h>
#include <string.h>

static void reply(struct ctld *c, const struct effect *ef);
static void launch(struct ctld *c, const struct effect *ef);
static void terminate(struct ctld *c, const struct effect *ef);
static void stop(struct ctld *c, const struct shutdown_request *request);
static void release(struct ctld *c, const struct effect *ef);

static void send_held(struct ctld *c, const struct held *h)
{
    struct conn *conn = conn_find(c->loop, h->call.conn);

    if (!conn)
        return;
    rpc_send(conn, h->call.opcode, h->flags, h->call.request, h->desc, h->msg);
    /* No later turn of the loop would write it; who asked for the stop must not ask again. */
    if (loop_stopped(c->loop))
        conn_flush(conn);
}

void release_effects(struct ctld *c)
{
    for (unsigned i = 0; i < c->effects.n; i++)
        release(c, &c->effects.v[i]);
    nodes_send_owed(c);
    for (unsigned i = 0; i < c->held_count; i++)
        send_held(c, &c->held[i]);
    blobs_sweep(c->blobs);
}

static void release(struct ctld *c, const struct effect *ef)
{
    switch ((enum effect_kind)ef->kind) {
    case EFFECT_REPLY:
        reply(c, ef);
        break;
    case EFFECT_LAUNCH:
        launch(c, ef);
        break;
    case EFFECT_SIGNAL:
        nodes_send(c, ef->node, OP_step_kill, &desc_step_signal, ef->body);
        break;
    case EFFECT_TERMINATE:
        terminate(c, ef);
        break;
    case EFFECT_ACCOUNT: /* done when it was made */
        break;
    case EFFECT_DROP_BLOBS:
        blobs_drop(c->blobs, ef->script);
        blobs_drop(c->blobs, ef->environment);
        break;
    case EFFECT_STEP_START:
        steps_start(c, ef);
        break;
    case EFFECT_STEP_ATTACH:
        nodes_send(c, ef->node, OP_step_reattach, &desc_step_attach, ef->body);
        break;
    case EFFECT_WAIT:
        waits_park(c, &c->calls[ef->reply_to - 1], ef->job_id, ef->desc, ef->body);
        break;
    case EFFECT_STOP:
        stop(c, ef->body);
        break;
    }
}

/* The core knows neither the epoch nor how often a node should be heard: that is added on the way
 * out. */
static void reply(struct ctld *c, const struct effect *ef)
{
    assert(ef->reply_to > 0 && ef->reply_to <= c->call_count);
    const struct call *call = &c->calls[ef->reply_to - 1];
    uint16_t flags = FRAME_REPLY | (ef->code ? FRAME_ERROR : 0);

    if (ef->desc == &desc_node_welcome) {
        struct node_welcome welcome = *(const struct node_welcome *)ef->body;
        welcome.epoch = wal_epoch(c->wal);
        welcome.heartbeat_s = nodes_heartbeat_s(c);
        welcome.cluster = conf_str(c->conf, "ClusterName");
        send_held(c, &(struct held){ *call, flags, ef->desc, &welcome });
        return;
    }
    send_held(c, &(struct held){ *call, flags, ef->desc, ef->body });
}

/* Gone meanwhile is fine: its end was decided after its start. */
static void launch(struct ctld *c, const struct effect *ef)
{
    struct launch l = { 0 };
    struct err e = { 0 };

    int r = launch_make(c, ef, &c->arena, &l, &e);
    if (r > 0)
        return;
    if (r == 0)
        nodes_send_launch(c, ef->node, &l);
    else
        nodes_start_failed(c, &(struct step_ident){ ef->job_id, STEP_BATCH, ef->restart, 0 },
                           ef->node, &e);
}

/* Nodes that are not connected are not stopped, as with Slurm. */
static void stop(struct ctld *c, const struct shutdown_request *request)
{
    unsigned told = request->controller_only ? 0 : nodes_stop(c);

    log_info("shutdown was asked for; %u nodes were told to stop", told);
    loop_stop(c->loop);
}

static void terminate(struct ctld *c, const struct effect *ef)
{
    struct job_terminate body = *(const struct job_terminate *)ef->body;

    body.epoch = wal_epoch(c->wal);
    nodes_send(c, ef->node, OP_job_end, &desc_job_terminate, &body);
}
