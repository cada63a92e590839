/* The connection to the controller: dial, register, heartbeat, and again when it breaks (0.1 s to 5
 * s apart). One timer serves all states, because a state waits for one thing. */
#include "slurmd/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/rpc.h"
#include "node/hw.h"
#include "schema/rpc.h"
#include "slurmd/cred.h"
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define ANSWER_MS 20000 /* munged, the handshake, the answer to node_hello */
#define HEARTBEAT_DEFAULT_S 30

static void on_timer(void *ctx);
void listener_reopen_log(struct node_link *k)
{
    struct chan_head h = { .type = CHAN_LOG };

    chan_send(k->chan, &h, NULL, 0, -1);
}

static void on_launcher_gone(void *ctx);
static void on_ready(void *ctx, struct conn *c);
static void on_frame(void *ctx, struct conn *c, const struct frame *f);
static void on_closed(void *ctx, struct conn *c, const char *why);

static const struct conn_ops ops = { .frame = on_frame, .ready = on_ready, .closed = on_closed };

void listener_open(struct node_link *k, struct loop *l, const struct listener_conf *conf,
                   int chan_fd)
{
    *k = (struct node_link){ .loop = l, .conf = conf, .backoff_ms = BACKOFF_MIN_MS };
    list_init(&k->steps);
    list_init(&k->reports);
    k->timer = loop_add_timer(l, -1, on_timer, k);
    k->chan = chan_new(l, chan_fd, news_from_launcher, on_launcher_gone, k);
}

void listener_close(struct node_link *k)
{
    news_drop(k);
    chan_free(k->chan);
    buf_fini(&k->health);
}

static void on_launcher_gone(void *ctx)
{
    struct node_link *k = ctx;

    log_error("the root half of slurmd is gone");
    loop_stop(k->loop);
}

/* ---- dialling */

static const char *controller(const struct node_link *k)
{
    return k->conf->controllers[k->attempt % k->conf->controller_count];
}

bool listener_is_local(const char *address)
{
    return address[0] == '/' || address[0] == '@';
}

/* The same trouble every five seconds is one line in the log. */
static void down(struct node_link *k, const char *why)
{
    if (strncmp(k->last_error, why, sizeof k->last_error - 1) != 0) {
        snprintf(k->last_error, sizeof k->last_error, "%s", why);
        log_error("controller %s: %s", controller(k), why);
    }
    k->conn = NULL;
    k->generation++;
    k->attempt++;
    k->state = LINK_DOWN;
    loop_set_timer(k->timer, k->backoff_ms);
    k->backoff_ms = k->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : k->backoff_ms * 2;
}

static void dial(struct node_link *k)
{
    struct chan_head ask = { .type = CHAN_CRED };
    struct err e = { 0 };

    if (!listener_is_local(controller(k))) {
        k->state = LINK_CRED;
        ask.token = k->generation;
        chan_send(k->chan, &ask, NULL, 0, -1);
        loop_set_timer(k->timer, ANSWER_MS);
        return;
    }
    k->state = LINK_DIAL;
    loop_set_timer(k->timer, ANSWER_MS);
    if (conn_dial_unix(k->loop, controller(k), &ops, k, &k->conn, &e) < 0)
        down(k, e.text);
}

void listener_ready(struct node_link *k)
{
    dial(k);
}

void listener_hello(struct node_link *k, const struct chan_head *h, const void *body, size_t len)
{
    struct err e = { 0 };
    const uint8_t *bytes = body;

    if (k->state != LINK_CRED || h->token != k->generation)
        return;
    if (h->code != 0 || len <= CRED_PSK) {
        err_set(&e, EPROTO, "%.*s", (int)len, (const char *)body);
        down(k, e.text);
        return;
    }
    const struct tcp_dial how = { .to = { controller(k), k->conf->port },
                                  .hello = bytes + CRED_PSK,
                                  .hello_len = (uint32_t)(len - CRED_PSK),
                                  .psk = bytes };
    k->state = LINK_DIAL;
    loop_set_timer(k->timer, ANSWER_MS);
    if (conn_dial_tcp(k->loop, &how, &ops, k, &k->conn, &e) < 0)
        down(k, e.text);
}

/* ---- registering */

static void on_ready(void *ctx, struct conn *c)
{
    struct node_link *k = ctx;
    struct node_register r = k->conf->hardware;
    struct arena a = { 0 };

    news_steps(k, &a, &r);
    r.now = clock_wall_s();
    k->state = LINK_HELLO;
    loop_set_timer(k->timer, ANSWER_MS);
    rpc_send(c, OP_node_hello, 0, ++k->next_request, &desc_node_register, &r);
    arena_fini(&a);
}

static void welcome(struct node_link *k, const struct frame *f)
{
    struct arena a = { 0 };
    struct node_welcome w;
    struct err e = { 0 };

    if (f->flags & FRAME_ERROR ||
        wire_unpack(&desc_node_welcome, f->body, f->len, &a, &w, &e) < 0) {
        struct error_info why;
        if (f->flags & FRAME_ERROR &&
            wire_unpack(&desc_error_info, f->body, f->len, &a, &why, &e) == 0)
            err_set(&e, EPERM, "registration refused: %s", why.text);
        conn_close(k->conn); /* closed() follows */
        log_error("controller %s: %s", controller(k), e.text);
        arena_fini(&a);
        return;
    }
    if (w.epoch > k->epoch)
        k->epoch = w.epoch;
    k->state = LINK_UP;
    k->backoff_ms = BACKOFF_MIN_MS;
    k->last_error[0] = '\0';
    k->heartbeat_s = w.heartbeat_s ? w.heartbeat_s : HEARTBEAT_DEFAULT_S;
    loop_set_timer(k->timer, k->heartbeat_s * 1000LL);
    log_info("registered with controller %s, epoch %llu", controller(k),
             (unsigned long long)w.epoch);
    news_foreign(k, &w);
    news_resend(k);
    arena_fini(&a);
}

static void heartbeat(struct node_link *k)
{
    struct node_status s = { .now = clock_wall_s(), .health = buf_str(&k->health) };

    hw_load(&s.free_mem_mb, &s.cpu_load);
    rpc_send(k->conn, OP_node_beat, 0, ++k->next_request, &desc_node_status, &s);
    loop_set_timer(k->timer, k->heartbeat_s * 1000LL);
}

/* ---- events */

static void on_timer(void *ctx)
{
    struct node_link *k = ctx;

    switch (k->state) {
    case LINK_DOWN:
        dial(k);
        break;
    case LINK_UP:
        heartbeat(k);
        break;
    case LINK_CRED:
        down(k, "no credential: munged does not answer");
        break;
    default:
        conn_close(k->conn);
        loop_set_timer(k->timer, ANSWER_MS);
        break;
    }
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct node_link *k = ctx;

    if (!(f->flags & FRAME_REPLY))
        orders_frame(k, f);
    else if (f->opcode == OP_node_hello)
        welcome(k, f);
    else
        news_answered(k, f);
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    down(ctx, why ? why : "closed the connection");
}
