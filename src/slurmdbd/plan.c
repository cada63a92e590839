/* A change of the rule book before it happens (plan.h). */
#include "slurmdbd/plan.h"

#include "wire/wire.h"

#include <string.h>

void plan_init(struct plan *p, const struct book *b, struct arena *a)
{
    *p = (struct plan){ .book = b, .arena = a };
    for (unsigned k = 0; k < RULE_KINDS; k++)
        p->last_id[k] = b->of[k].last_id;
}

void plan_fini(struct plan *p)
{
    for (unsigned k = 0; k < RULE_KINDS; k++)
        smap_fini(&p->at[k]);
}

static struct edit *edit_of(const struct plan *p, enum rule_kind kind, const char *key)
{
    uintptr_t at = (uintptr_t)smap_get(&p->at[kind], key);

    return at ? &p->v[at - 1] : NULL;
}

static const void *unless_deleted(enum rule_kind kind, const void *msg)
{
    return msg && !rule_is_deleted(kind, msg) ? msg : NULL;
}

const void *plan_find(const struct plan *p, enum rule_kind kind, const char *key)
{
    const struct edit *e = edit_of(p, kind, key);

    return unless_deleted(kind, e ? e->msg : book_find(p->book, kind, key));
}

const void *plan_by_id(const struct plan *p, enum rule_kind kind, uint32_t id)
{
    const void *old = book_by_id(p->book, kind, id);

    if (old)
        return plan_find(p, kind, book_key(kind, old, p->arena));
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].kind == kind && rule_id(kind, p->v[i].msg) == id)
            return unless_deleted(kind, p->v[i].msg);
    return NULL;
}

static void add_edit(struct plan *p, enum rule_kind kind, const char *key, void *msg)
{
    if (p->n == p->cap) {
        struct edit *more = arena_calloc(p->arena, p->cap ? p->cap * 2 : 32, sizeof *more);

        if (p->n)
            memcpy(more, p->v, p->n * sizeof *more);
        p->v = more;
        p->cap = p->cap ? p->cap * 2 : 32;
    }
    p->v[p->n++] = (struct edit){ kind, msg };
    smap_put(&p->at[kind], key, (void *)(uintptr_t)p->n);
}

static void give_id(struct plan *p, enum rule_kind kind, void *msg, const void *old)
{
    const struct field *f = desc_field(rule_tables[kind].desc, "id");

    if (f)
        *(uint32_t *)((char *)msg + f->offset) = old ? rule_id(kind, old) : ++p->last_id[kind];
}

void *plan_edit(struct plan *p, enum rule_kind kind, const void *like)
{
    const struct desc *d = rule_tables[kind].desc;
    const char *key = book_key(kind, like, p->arena);
    struct edit *e = edit_of(p, kind, key);
    const void *old = e ? e->msg : book_find(p->book, kind, key);
    bool is_live = old && !rule_is_deleted(kind, old);
    void *msg;

    if (e && is_live)
        return e->msg;
    msg = wire_dup(d, is_live ? old : like, p->arena);
    if (!is_live) {
        give_id(p, kind, msg, old);
        rule_set_deleted(kind, msg, false);
    }
    if (e)
        return e->msg = msg;
    add_edit(p, kind, key, msg);
    return msg;
}

void plan_delete(struct plan *p, enum rule_kind kind, const void *row)
{
    rule_set_deleted(kind, plan_edit(p, kind, row), true);
}

/* First the book's rows, each as edited; then those that only the plan has. */
const void *plan_next(const struct plan *p, enum rule_kind kind, uint32_t *at)
{
    const struct rule_list *l = &p->book->of[kind];

    while (*at < l->n + p->n) {
        uint32_t i = (*at)++;
        const void *msg = i < l->n ? l->v[i].msg : p->v[i - l->n].msg;
        const char *key;

        if (i >= l->n && p->v[i - l->n].kind != kind)
            continue;
        if (p->n == 0 && !rule_is_deleted(kind, msg))
            return msg;
        key = book_key(kind, msg, p->arena);
        if (i >= l->n && book_find(p->book, kind, key))
            continue; /* seen in its old place */
        msg = plan_find(p, kind, key);
        if (msg)
            return msg;
    }
    return NULL;
}

void plan_note(struct plan *p, const char *action, const char *where, const char *info)
{
    if (p->txn_count == p->txn_cap) {
        struct rule_txn *more =
            arena_calloc(p->arena, p->txn_cap ? p->txn_cap * 2 : 8, sizeof *more);

        if (p->txn_count)
            memcpy(more, p->txns, p->txn_count * sizeof *more);
        p->txns = more;
        p->txn_cap = p->txn_cap ? p->txn_cap * 2 : 8;
    }
    p->txns[p->txn_count++] = (struct rule_txn){ .time = p->now,
                                                 .action = action,
                                                 .actor = p->actor,
                                                 .where = where,
                                                 .info = info,
                                                 .cluster = "" };
}
