/* Reads SchedulerParameters: words of a comma list, each with a row here. */
#include "core/bf.h"

#include "core/state.h"

#include "base/times.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum word_kind { FLAG, COUNT, SECONDS, MINUTES, SPAN };

#define O(member) offsetof(struct bf, member)
#define SHORTEST_COMPACT_AGE_S (2 * 86400)

static const struct row {
    const char *word;
    uint8_t kind;
    size_t at;
} rows[] = {
    { "bf_shortest_first", FLAG, O(shortest_first) },
    { "bf_replan", FLAG, O(replan) },
    { "bf_predict", FLAG, O(predict) },
    { "bf_predict_guard", SPAN, O(guard_s) },
    { "bf_promises", COUNT, O(promises) },
    { "bf_compact_age", SPAN, O(compact_age_s) },
    { "bf_max_job_test", COUNT, O(max_test) },
    { "bf_max_job_start", COUNT, O(max_start) },
    { "bf_max_job_user", COUNT, O(max_user) },
    { "bf_max_job_part", COUNT, O(max_part) },
    { "bf_max_job_assoc", COUNT, O(max_assoc) },
    { "bf_max_job_user_part", COUNT, O(max_user_part) },
    { "bf_min_prio_reserve", COUNT, O(min_prio_reserve) },
    { "bf_min_age_reserve", SECONDS, O(min_age_reserve_s) },
    { "bf_clock", COUNT, O(clock) },
    { "bf_interval", SECONDS, O(interval_s) },
    { "bf_resolution", SECONDS, O(resolution_s) },
    { "bf_window", MINUTES, O(window_s) },
};

/* What follows the word and its '=' in the list: "" when nothing does; NULL: it is not there. */
static const char *value_of(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at && *at; at += strspn(at, ", ")) {
        size_t n = strcspn(at, ", ");
        if (n >= len && strncasecmp(at, word, len) == 0 && (n == len || at[len] == '='))
            return at[len] == '=' ? at + len + 1 : "";
        at += n;
    }
    return NULL;
}

/* D-HH:MM:SS, or seconds. */
static int64_t span_of(const char *text)
{
    char copy[32] = "";
    size_t n = strcspn(text, ", ");
    uint32_t s;

    memcpy(copy, text, n < sizeof copy ? n : sizeof copy - 1);
    if (strpbrk(copy, "-:") && times_parse_seconds(copy, &s, NULL) == 0)
        return s;
    return strtoll(copy, NULL, 10);
}

static void set(struct bf *bf, const struct row *row, const char *value)
{
    void *at = (char *)bf + row->at;

    switch ((enum word_kind)row->kind) {
    case FLAG:
        *(bool *)at = strncasecmp(value, "no", 2) != 0;
        break;
    case COUNT:
        *(uint32_t *)at = (uint32_t)strtoul(value, NULL, 10);
        break;
    case SECONDS:
        *(int64_t *)at = strtoll(value, NULL, 10);
        break;
    case MINUTES:
        *(int64_t *)at = 60 * strtoll(value, NULL, 10);
        break;
    case SPAN:
        *(int64_t *)at = span_of(value);
        break;
    }
}

void bf_configured(struct core *c)
{
    const char *list = c->conf->sched_params;
    struct bf bf = { .promises = 1000, .interval_s = 600, .clock = 1, .guard_s = 2 * 86400 };

    bf.is_on = c->conf->scheduler_type && strcasestr(c->conf->scheduler_type, "backfill") != NULL;
    if (value_of(list, "bf_shortest_first"))
        bf.compact_age_s = SHORTEST_COMPACT_AGE_S;
    if (value_of(list, "bf_replan"))
        bf.promises = UINT32_MAX;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *value = value_of(list, rows[i].word);
        if (value)
            set(&bf, &rows[i], value);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind >= SECONDS)
            *(int64_t *)((char *)&bf + rows[i].at) *= bf.clock;
    bf.resolution_s = bf.resolution_s > 0 ? bf.resolution_s : 1; /* of the finest clock */
    if (!c->bf)
        c->bf = xcalloc(1, sizeof *c->bf);
    *c->bf = bf;
}

const struct bf *bf_of(const struct core *c)
{
    return c->bf;
}
