/* The words of sacct's question, checked one list at a time (acct_check.h). */
#include "cli/acct_check.h"

#include "base/hostlist.h"
#include "schema/states.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>

static bool is_number(const char *word)
{
    return *word && word[strspn(word, "0123456789")] == 0;
}

static bool user_known(const char *word)
{
    return is_number(word) || getpwnam(word);
}

static bool group_known(const char *word)
{
    return is_number(word) || getgrnam(word);
}

static bool state_known(const char *word)
{
    uint32_t state, flag;

    return state_parse(word, &state, &flag);
}

/* "12", "12_3", "12+1", "12.0", "12_3.batch". */
static bool job_named(const char *word)
{
    word += strspn(word, "0123456789");
    return *word == 0 || strchr("_.+", *word);
}

static bool job_known(const char *word)
{
    return isdigit((unsigned char)*word) && job_named(word);
}

static const struct {
    size_t list;
    bool (*known)(const char *word);
    const char *complaint, *end; /* around the word */
} checks[] = {
    { offsetof(struct acct_query, users), user_known, "Invalid user id: ", "" },
    { offsetof(struct acct_query, groups), group_known, "Invalid group id: ", "" },
    { offsetof(struct acct_query, states), state_known, "fatal: unrecognized job state value '",
      "'" },
    { offsetof(struct acct_query, jobs), job_known, "fatal: Bad job/step specified: ", "" },
};

/* 12_[3-5] has the form of a host list, so it is one. */
static int expand_jobs(struct strs *jobs, struct arena *a, struct err *e)
{
    struct strs all = { 0 };

    for (uint32_t i = 0; i < jobs->n; i++) {
        struct hostlist tasks;
        const char **more;

        if (hostlist_expand(a, jobs->v[i], &tasks, e) < 0)
            return err_set(e, EINVAL, "fatal: Bad job array element specified: %s", jobs->v[i]);
        more = arena_calloc(a, all.n + tasks.n, sizeof *more);
        if (all.n)
            memcpy(more, all.v, all.n * sizeof *more);
        for (uint32_t k = 0; k < tasks.n; k++)
            more[all.n + k] = tasks.v[k];
        all = (struct strs){ more, all.n + tasks.n };
    }
    *jobs = all;
    return 0;
}

static int check_list(unsigned i, const struct strs *list, struct err *e)
{
    for (uint32_t k = 0; k < list->n; k++)
        if (!checks[i].known(list->v[k]))
            return err_set(e, EINVAL, "%s%s%s", checks[i].complaint, list->v[k], checks[i].end);
    return 0;
}

int acct_check(struct acct_query *q, struct arena *a, struct err *e)
{
    int r = 0;

    for (unsigned i = 0; i < sizeof checks / sizeof *checks && r == 0; i++)
        r = check_list(i, (const void *)((const char *)q + checks[i].list), e);
    return r < 0 ? r : expand_jobs(&q->jobs, a, e);
}
