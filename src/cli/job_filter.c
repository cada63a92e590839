/* Filters of squeue, and taking array records apart. */
#include "cli/job_filter.h"

#include "cli/args.h"
#include "cli/words.h"
#include "schema/states.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is any word of a comma separated text in the list? */
static bool any_in(const struct strs *list, const char *text, struct arena *a)
{
    struct strs words = { 0 };

    if (!list->n)
        return true;
    words_add(&words, text ? text : "", a);
    for (uint32_t i = 0; i < words.n; i++)
        if (args_list_has(list, words.v[i]))
            return true;
    return false;
}

static bool user_in(const struct strs *users, const struct job_info *job)
{
    for (uint32_t i = 0; i < users->n; i++) {
        char *end;
        unsigned long uid = strtoul(users->v[i], &end, 10);

        if (*end ? strcmp(users->v[i], job->user_name) == 0 : uid == job->user_id)
            return true;
    }
    return users->n == 0;
}

static bool is_all(const char *word)
{
    return strcasecmp(word, "all") == 0;
}

static bool state_in(const struct strs *states, const struct job_info *job)
{
    if (!states->n)
        return job->state <= STATE_SUSPENDED || (job->state_flags & STATE_FLAG_COMPLETING);
    for (uint32_t i = 0; i < states->n; i++) {
        uint32_t state, flag;

        if (is_all(states->v[i]))
            return true;
        if (!state_parse(states->v[i], &state, &flag))
            continue;
        if (flag ? (job->state_flags & flag) != 0 : job->state == state)
            return true;
    }
    return false;
}

static bool license_in(const struct strs *wanted, const struct job_info *job, struct arena *a)
{
    struct strs have = { 0 };

    if (!wanted->n)
        return true;
    words_add(&have, job->spec ? job->spec->licenses : "", a);
    for (uint32_t i = 0; i < have.n; i++)
        if (args_list_has(wanted, arena_strndup(a, have.v[i], strcspn(have.v[i], ":*@"))))
            return true;
    return false;
}

static bool node_in(const struct hostlist *wanted, const struct job_info *job, struct arena *a)
{
    return !wanted->n || hostlist_overlaps(a, wanted, job->nodes);
}

static bool id_in(const struct strs *ids, const struct job_info *job)
{
    for (uint32_t i = 0; i < ids->n; i++)
        if (job_id_names(ids->v[i], job))
            return true;
    return ids->n == 0;
}

/* A hidden partition shows when it was asked for by name, or the job by id. */
static bool is_hidden(const struct job_filter *f, const struct job_info *job, struct arena *a)
{
    return f->hidden.n && !f->partitions.n && !f->jobs.n && any_in(&f->hidden, job->partition, a);
}

bool job_wanted(const struct job_filter *f, const struct job_info *job, struct arena *a)
{
    return id_in(&f->jobs, job) && user_in(&f->users, job) && state_in(&f->states, job) &&
           any_in(&f->accounts, job->account, a) && any_in(&f->partitions, job->partition, a) &&
           any_in(&f->qos, job->qos, a) && (!f->names.n || args_list_has(&f->names, job->name)) &&
           (!f->reservation ||
            (job->spec && strcmp(job->spec->reservation, f->reservation) == 0)) &&
           license_in(&f->licenses, job, a) && node_in(&f->nodes, job, a) && !is_hidden(f, job, a);
}

/* ---- array records */

/* Calls are cheap: an index list is "3", "1-3,7" or "0-8:4", with an optional "%limit". */
static bool index_in(const char *list, uint32_t index)
{
    while (isdigit((unsigned char)*list)) {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first, step = 1;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (*end == ':')
            step = strtoul(end + 1, &end, 10);
        if (index >= first && index <= last && (index - first) % (step ? step : 1) == 0)
            return true;
        list = *end == ',' ? end + 1 : "";
    }
    return false;
}

static uint32_t index_max(const char *list)
{
    uint32_t max = 0;

    while (*list && *list != '%') {
        char *end;
        unsigned long n = strtoul(list, &end, 10);

        if (*list != ':' && n > max)
            max = (uint32_t)n;
        list = *end == ':' ? end + 1 + strspn(end + 1, "0123456789") : end;
        list += *list && *list != '%';
    }
    return max;
}

/* The index part of "12_3" or "12_[1-3]", without brackets in buf; NULL for "12". */
static const char *id_indices(const char *id, char *buf, size_t size)
{
    const char *under = strchr(id, '_');

    if (!under)
        return NULL;
    under += 1 + (under[1] == '[');
    snprintf(buf, size, "%.*s", (int)strcspn(under, "]%"), under);
    return buf;
}

bool job_id_names(const char *id, const struct job_info *job)
{
    char buf[256];
    char *end;
    unsigned long number = strtoul(id, &end, 10);
    const char *indices = id_indices(id, buf, sizeof buf);

    if (number != job->job_id && (number != job->array_job_id || !number))
        return false;
    if (!indices)
        return number == job->array_job_id || number == job->job_id;
    if (job->array_task_id.set)
        return index_in(indices, job->array_task_id.v);
    for (uint32_t i = 0, last = index_max(job->array_tasks); *job->array_tasks && i <= last; i++)
        if (index_in(job->array_tasks, i) && index_in(indices, i))
            return true;
    return false;
}

static void append(struct job_infos *into, const struct job_info *job, struct arena *a)
{
    if ((into->jobs.n & (into->jobs.n - 1)) == 0) {
        struct job_info *v = arena_calloc(a, into->jobs.n ? into->jobs.n * 2u : 1u, sizeof *v);

        if (into->jobs.n)
            memcpy(v, into->jobs.v, into->jobs.n * sizeof *v);
        into->jobs.v = v;
    }
    into->jobs.v[into->jobs.n++] = *job;
}

/* Did somebody ask for this very task, rather than for the whole array? */
static bool task_asked(const struct strs *ids, uint32_t array_id, uint32_t index)
{
    for (uint32_t i = 0; i < ids->n; i++) {
        char buf[256];
        const char *indices = id_indices(ids->v[i], buf, sizeof buf);

        if (strtoul(ids->v[i], NULL, 10) == array_id && (!indices || index_in(indices, index)))
            return true;
    }
    return ids->n == 0;
}

void job_expand(const struct job_info *job, const struct strs *ids, struct arena *a,
                struct job_infos *into)
{
    struct job_info task = *job;

    if (!ids || job->array_task_id.set || !*job->array_tasks) {
        append(into, job, a);
        return;
    }
    task.array_tasks = "";
    task.array_task_id.set = true;
    for (uint32_t i = 0, last = index_max(job->array_tasks); i <= last; i++) {
        if (!index_in(job->array_tasks, i) || !task_asked(ids, job->array_job_id, i))
            continue;
        task.array_task_id.v = i;
        append(into, &task, a);
    }
}
