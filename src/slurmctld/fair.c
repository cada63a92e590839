/* Nobody's requests delay somebody else's (security R11).
 *
 * Always: of one user only so much is taken into one turn; the rest stays in its connections until
 * the turn after, in which everybody else has a share again.  As in Slurm, and off unless
 * SlurmctldParameters says rl_enable: a bucket of tokens for each user, one for each request; when
 * it is empty requests are refused.  root and SlurmUser are exempt from both: nodes speak as them.
 */
#include "slurmctld/ctld.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "schema/errors.h"

#include <stdlib.h>

#define SHARE 256u       /* of a user in a turn, in the units below */
#define WISH_COST 2u     /* groups well: half of TURN_INPUTS_MAX */
#define QUESTION_COST 8u /* may walk over every job */

#define BUCKET_SIZE 40000 /* requests at once, and then */
#define REFILL_RATE 20000 /* so many a second */

struct share {
    uint64_t turn; /* that `used` is about */
    uint32_t used;
    double tokens;
    int64_t filled_ns;
};

struct fair {
    struct map users; /* uid + 1 -> struct share */
    uint64_t turn;
    uint32_t bucket_size, refill_rate; /* 0: no buckets */
};

struct fair *fair_new(void)
{
    return xcalloc(1, sizeof(struct fair));
}

void fair_free(struct fair *f)
{
    uint64_t key;
    void *value;

    if (!f)
        return;
    for (uint32_t at = 0; map_next(&f->users, &at, &key, &value);)
        free(value);
    map_fini(&f->users);
    free(f);
}

static uint32_t number(const struct conf *conf, const char *word, uint32_t usual)
{
    const char *text = conf_param(conf, "SlurmctldParameters", word);
    unsigned long n = text ? strtoul(text, NULL, 10) : 0;

    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : usual;
}

void fair_configure(struct fair *f, const struct conf *conf)
{
    bool is_on = conf_flag(conf, "SlurmctldParameters", "rl_enable");

    f->bucket_size = is_on ? number(conf, "rl_bucket_size", BUCKET_SIZE) : 0;
    f->refill_rate = number(conf, "rl_refill_rate", REFILL_RATE);
}

void fair_next_turn(struct fair *f)
{
    f->turn++;
}

static struct share *share_of(struct fair *f, uid_t uid)
{
    uint64_t key = (uint64_t)uid + 1;
    struct share *s = map_get(&f->users, key);

    if (!s) {
        s = xcalloc(1, sizeof *s);
        s->tokens = f->bucket_size;
        s->filled_ns = clock_mono_ns();
        map_put(&f->users, key, s);
    }
    if (s->turn != f->turn)
        s->used = 0;
    s->turn = f->turn;
    return s;
}

bool fair_takes(struct fair *f, uid_t uid)
{
    return share_of(f, uid)->used < SHARE;
}

int fair_charge(struct fair *f, uid_t uid, bool is_question, struct err *e)
{
    struct share *s = share_of(f, uid);
    int64_t now = clock_mono_ns();

    s->used += is_question ? QUESTION_COST : WISH_COST;
    if (!f->bucket_size)
        return 0;
    s->tokens += (double)(now - s->filled_ns) / 1e9 * f->refill_rate;
    s->tokens = s->tokens > f->bucket_size ? f->bucket_size : s->tokens;
    s->filled_ns = now;
    if (s->tokens < 1)
        return err_set(e, EBUSY_LIMIT, "%s: uid %u has %u a second (rl_refill_rate)",
                       errors_text(EBUSY_LIMIT), uid, f->refill_rate);
    s->tokens -= 1;
    return 0;
}
