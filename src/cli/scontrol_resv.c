/* scontrol create, update and delete reservation.  The controller knows no time zone: what the user
 * wrote about the clock goes out as seconds since the epoch. */
#include "cli/scontrol.h"

#include "base/clock.h"
#include "base/times.h"
#include "schema/errors.h"
#include "schema/rpc.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct wanted {
    const char *name;
    struct key_value *v;
    uint32_t n;
};

static bool is_name(const char *key)
{
    return strcasecmp(key, "ReservationName") == 0 || strcasecmp(key, "Reservation") == 0;
}

/* "Users=-bob,-al" and "Users-=bob,al" say the same of who is denied. */
static void deny(struct scontrol *s, struct key_value *kv)
{
    char *out = arena_alloc(&s->arena, 2 * strlen(kv->value) + 2), *end = out;

    *end++ = '-';
    for (const char *at = kv->value; *at; at++) {
        *end++ = *at;
        if (*at == ',')
            *end++ = '-';
    }
    *end = '\0';
    kv->value = out;
    kv->op = "";
}

static int time_read(struct scontrol *s, struct key_value *kv)
{
    struct err e = { 0 };
    int64_t at;

    if (times_parse_point(kv->value, clock_wall_s(), 0, &at, &e) < 0) {
        fprintf(stderr, "scontrol: error: Invalid time: %s\n%s\n", kv->value, e.text);
        return -1;
    }
    kv->value = arena_printf(&s->arena, "%lld", (long long)at);
    return 0;
}

static int word_read(struct scontrol *s, const char *word, bool is_new, struct wanted *ret)
{
    struct key_value *kv = &ret->v[ret->n];

    if (text_key_value(word, &s->arena, kv) < 0) {
        if (strcasecmp(word, "Skip") != 0) {
            fprintf(stderr, "Update of this parameter is not supported: %s\nRequest aborted\n",
                    word);
            return -1;
        }
        *kv = (struct key_value){ .key = "Skip", .value = "", .op = "" };
    }
    if (is_name(kv->key)) {
        ret->name = kv->value;
        return 0;
    }
    ret->n++;
    if (is_new && *kv->op == '-' &&
        (strncasecmp(kv->key, "user", 4) == 0 || strncasecmp(kv->key, "account", 7) == 0))
        deny(s, kv);
    if (strcasecmp(kv->key, "StartTime") == 0 || strcasecmp(kv->key, "EndTime") == 0)
        return time_read(s, kv);
    return 0;
}

static int read_words(struct scontrol *s, int count, char **words, bool is_new, struct wanted *ret)
{
    *ret = (struct wanted){ .name = "" };
    ret->v = arena_calloc(&s->arena, (size_t)count + 1, sizeof *ret->v);
    for (int i = 0; i < count; i++)
        if (word_read(s, words[i], is_new, ret) < 0)
            return -1;
    return 0;
}

static int fail(const struct scontrol *s, const char *what, const char *name, const struct err *e)
{
    if (!s->quiet)
        fprintf(stderr, "%s %s%s%s\n", what, name, *name ? ": " : "", e->text);
    return 1;
}

/* "create reservation ...", "create reservationname=x ...": the word may stand alone. */
int scontrol_create(struct scontrol *s, int count, char **words)
{
    struct wanted w;
    struct resv_named *named;
    struct err e = { 0 };
    size_t len = strcspn(words[0], "=");

    if (strncasecmp(words[0], "reservationname", len < 3 ? 3 : len) != 0) {
        fprintf(stderr,
                "scontrol: error: only reservations are created here; nodes and partitions are "
                "defined in slurm.conf, then run scontrol reconfigure\n");
        return 1;
    }
    bool alone = words[0][len] == '\0';
    if (read_words(s, count - alone, words + alone, true, &w) < 0)
        return 1;
    struct resv_update up = { .name = w.name, .set = { w.v, w.n }, .create = true };
    if (scontrol_call(s, OP_resv_create, &up, (void **)&named, &e) < 0)
        return fail(s, "Error creating the reservation:", "", &e);
    printf("Reservation created: %s\n", named->name);
    return 0;
}

int scontrol_update_resv(struct scontrol *s, int count, char **words)
{
    struct wanted w;
    struct err e = { 0 };
    void *reply;

    if (read_words(s, count, words, false, &w) < 0)
        return 1;
    struct resv_update up = { .name = w.name, .set = { w.v, w.n } };
    if (scontrol_call(s, OP_resv_modify, &up, &reply, &e) < 0)
        return fail(s, "Error updating the reservation:", "", &e);
    puts("Reservation updated.");
    return 0;
}

/* "delete reservation=x", "delete reservationname x". */
int scontrol_delete(struct scontrol *s, int count, char **words)
{
    const char *equals = strchr(words[0], '=');
    const char *name = equals ? equals + 1 : count > 1 ? words[1] : "";
    struct err e = { 0 };
    void *reply;

    if (strncasecmp(words[0], "reservation", 3) != 0 || !*name) {
        fprintf(stderr, "scontrol: error: delete what?  delete reservationname=NAME\n");
        return 1;
    }
    if (scontrol_call(s, OP_resv_remove, &(struct resv_delete){ .name = name }, &reply, &e) < 0)
        return fail(s, "slurm_delete_reservation error:", name, &e);
    return 0;
}
