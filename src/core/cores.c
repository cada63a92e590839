/* Picking CPUs; the idea is explained in cores.h. */
#include "core/cores.h"

#include "core/state.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

uint32_t cores_sockets(const struct node *n)
{
    uint32_t sockets = n->conf->sockets;

    if (sockets == 0 || sockets > SOCKETS_MAX || n->conf->cpus % sockets ||
        n->conf->cpus / sockets % n->unit)
        return 1;
    return sockets;
}

static uint64_t taken_word(const struct node *n, uint32_t i)
{
    return n->used.words[i] | (n->spec.n ? n->spec.words[i] : 0);
}

static bool is_taken(const struct node *n, uint32_t cpu)
{
    return bits_test(&n->used, cpu) || (n->spec.n && bits_test(&n->spec, cpu));
}

static bool unit_is_free(const struct node *n, uint32_t first, bool is_empty)
{
    for (uint32_t k = 0; k < n->unit; k++)
        if (is_empty ? n->spec.n && bits_test(&n->spec, first + k) : is_taken(n, first + k))
            return false;
    return true;
}

static uint32_t free_between(const struct node *n, uint32_t from, uint32_t end, bool is_empty)
{
    uint32_t count = 0;

    for (uint32_t i = from; i + n->unit <= end; i += n->unit)
        count += unit_is_free(n, i, is_empty) ? n->unit : 0;
    return count;
}

uint32_t cores_all(const struct node *n)
{
    uint32_t cpus = n->conf->cpus;

    return n->spec.n ? free_between(n, 0, cpus, true) : cpus - cpus % n->unit;
}

/* An empty node needs no counting. */
uint32_t cores_free(const struct node *n)
{
    uint32_t cpus = n->conf->cpus;

    if (n->cpus_used == 0)
        return cores_all(n);
    if (n->unit == 1 && !n->spec.n)
        return cpus > n->cpus_used ? cpus - n->cpus_used : 0;
    return free_between(n, 0, cpus, false);
}

void cores_by_socket(const struct node *n, bool is_empty, uint32_t ret[SOCKETS_MAX])
{
    uint32_t sockets = cores_sockets(n), each = n->conf->cpus / sockets;

    for (uint32_t i = 0; i < sockets; i++)
        ret[i] = free_between(n, i * each, (i + 1) * each, is_empty);
}

uint32_t cores_near(const uint32_t by_socket[SOCKETS_MAX], uint32_t n, uint64_t sockets)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += sockets == 0 || sockets >> i & 1 ? by_socket[i] : 0;
    return sum;
}

/* CPUs while they are picked. */
struct picking {
    const struct node *n;
    uint8_t *bits;
    uint32_t want, each, most;
    uint32_t at[SOCKETS_MAX];    /* where each socket is to be looked at next */
    uint32_t given[SOCKETS_MAX]; /* CPUs */
};

/* One more unit of the socket; false: it has none. */
static bool take_unit(struct picking *p, uint32_t socket)
{
    uint32_t end = (socket + 1) * p->each, unit = p->n->unit;

    if (p->most && p->given[socket] + unit > p->most)
        return false;
    for (uint32_t *i = &p->at[socket]; *i + unit <= end; *i += unit) {
        if (!unit_is_free(p->n, *i, false))
            continue;
        for (uint32_t k = 0; k < unit; k++)
            p->bits[(*i + k) / 8] |= (uint8_t)(1u << (*i + k) % 8);
        *i += unit;
        p->given[socket] += unit;
        p->want -= unit < p->want ? unit : p->want;
        return true;
    }
    return false;
}

/* From the sockets of the mask, in turn or one after the other. */
static void take_from(struct picking *p, uint64_t sockets, bool is_block)
{
    uint32_t count = cores_sockets(p->n);

    for (bool is_any = true; is_any && p->want > 0;) {
        is_any = false;
        for (uint32_t i = 0; i < count && p->want > 0; i++)
            while (sockets >> i & 1 && p->want > 0 && take_unit(p, i)) {
                is_any = true;
                if (!is_block)
                    break;
            }
    }
}

/* The lowest free CPUs where each is a unit and there is one socket: by words. */
static struct bytes pick_singles(const struct node *n, uint32_t want, struct arena *a)
{
    uint32_t words = (n->conf->cpus + 63) / 64, len = 1;
    uint64_t *bits = arena_calloc(a, words, sizeof *bits);

    for (uint32_t i = 0; i < words && want > 0; i++) {
        uint64_t left = ~taken_word(n, i);
        left &= i == n->conf->cpus / 64 ? (UINT64_C(1) << n->conf->cpus % 64) - 1 : UINT64_MAX;
        for (; (uint32_t)__builtin_popcountll(left) > want;)
            left &= ~(UINT64_C(1) << (63 - __builtin_clzll(left)));
        want -= (uint32_t)__builtin_popcountll(left);
        bits[i] = htole64(left);
        len = left ? (i + 1) * 8 : len;
    }
    while (len > 1 && ((uint8_t *)bits)[len - 1] == 0)
        len--;
    return (struct bytes){ .p = (uint8_t *)bits, .len = len };
}

struct bytes cores_pick(const struct node *n, uint32_t want, struct cores_way way,
                        struct arena *a)
{
    uint32_t sockets = cores_sockets(n), len = n->conf->cpus / 8 + 1;
    struct picking p = { .n = n, .want = want, .each = n->conf->cpus / sockets };

    p.most = way.most_on_socket;
    if (n->unit == 1 && sockets == 1)
        return pick_singles(n, want, a);
    p.bits = arena_calloc(a, len, 1);
    for (uint32_t i = 0; i < sockets; i++)
        p.at[i] = i * p.each;
    take_from(&p, way.sockets ? way.sockets : UINT64_MAX, way.is_block);
    take_from(&p, UINT64_MAX, way.is_block);
    p.most = 0; /* more were asked than the tasks need */
    take_from(&p, UINT64_MAX, way.is_block);
    while (len > 1 && p.bits[len - 1] == 0)
        len--;
    return (struct bytes){ .p = p.bits, .len = len };
}

static void reserve_list(struct node *n, const char *list)
{
    while (*list) {
        char *end;
        unsigned long from = strtoul(list, &end, 10), to = from;
        if (end == list)
            return;
        if (*end == '-')
            to = strtoul(end + 1, &end, 10);
        for (unsigned long i = from; i <= to && i < n->conf->cpus; i++)
            bits_set(&n->spec, (uint32_t)i);
        list = end + (*end == ',');
    }
}

/* The last cores, going round the sockets from the last one. */
static void reserve_count(struct node *n, uint32_t cores)
{
    uint32_t sockets = cores_sockets(n), each = n->conf->cpus / sockets;
    uint32_t threads = n->unit < each ? n->unit : 1, most = n->conf->cpus / threads;

    for (uint32_t i = 0; i < cores && i < most; i++) {
        uint32_t socket = sockets - 1 - i % sockets, down = i / sockets + 1;
        if (down * threads > each)
            continue;
        for (uint32_t k = 0; k < threads; k++)
            bits_set(&n->spec, (socket + 1) * each - down * threads + k);
    }
}

void cores_reserve(struct node *n)
{
    const char *list = n->conf->cpu_spec_list ? n->conf->cpu_spec_list : "";

    bits_fini(&n->spec);
    n->spec = (struct bits){ 0 };
    if (!n->conf->core_spec && !*list)
        return;
    bits_init(&n->spec, n->used.n);
    if (*list)
        reserve_list(n, list);
    else
        reserve_count(n, n->conf->core_spec);
}
