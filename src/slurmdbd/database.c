/* The database behind the daemon: one that goes away is waited for, and what was not committed is
 * sent again by the controllers, who learn from the database itself how far it is (F14, F15). */
#include "slurmdbd/dbd.h"

#include "base/xalloc.h"

#include <errno.h>
#include <stdlib.h>

#define RETRY_MS 1000

/* Everybody who sends events starts over: the sequence in the database may be behind what they were
 * told before. */
static void greet_again(struct dbd *d)
{
    for (unsigned i = 0; i < d->controller_count; i++) {
        struct conn *c = conn_find(d->loop, d->controllers[i]);

        if (c)
            conn_close(c);
    }
    d->controller_count = 0;
}

static int try_open(struct dbd *d, struct err *e)
{
    int r = store_open(&d->place, &d->store, e);

    if (r == 0)
        r = rulebook_open(&d->rules, d->store, d->conf, e);
    if (r < 0 && d->store) {
        rulebook_close(&d->rules);
        store_close(d->store);
        d->store = NULL;
    }
    return r;
}

static void on_retry(void *ctx)
{
    struct dbd *d = ctx;
    struct err e = { 0 };

    if (try_open(d, &e) < 0) {
        log_limited(&d->trouble, 60, LOG_ERROR, "%s; trying again", e.text);
        loop_set_timer(d->retry, RETRY_MS);
        return;
    }
    log_info("the database is back");
    greet_again(d);
}

int database_open(struct dbd *d, struct err *e)
{
    int r = try_open(d, e);

    d->retry = loop_add_timer(d->loop, -1, on_retry, d);
    if (r != -ECONNRESET)
        return r;
    log_error("%s; trying every second", e->text);
    loop_set_timer(d->retry, RETRY_MS);
    *e = (struct err){ 0 };
    return 0;
}

void database_close(struct dbd *d)
{
    loop_remove_timer(d->retry);
    rulebook_close(&d->rules);
    store_close(d->store);
    free(d->controllers);
}

void database_commit(struct dbd *d)
{
    struct err e = { 0 };

    if (!d->store || store_commit(d->store, &e) == 0)
        return;
    if (!d->place.host)
        die("%s", e.text);
    log_error("%s; nothing of this turn was kept", e.text);
    serve_refuse_held(d, &e);
    rulebook_close(&d->rules);
    store_close(d->store);
    d->store = NULL;
    loop_set_timer(d->retry, 0);
}

void database_note_controller(struct dbd *d, const struct conn *c)
{
    if (d->controller_count == d->controller_cap) {
        d->controller_cap = d->controller_cap ? d->controller_cap * 2 : 8;
        d->controllers = xrealloc(d->controllers, d->controller_cap, sizeof *d->controllers);
    }
    d->controllers[d->controller_count++] = conn_id(c);
}
