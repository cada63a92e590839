/* scontrol's verbs that change something, and the small ones around them. */
#include "cli/scontrol.h"

#include "base/clock.h"
#include "cli/say.h"
#include "cli/words.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define WAIT_TRIES 600 /* of wait_job, a second apart */

/* ---- hold, release, requeue, suspend ... */

/* The sentence, " for job 12", then the hints on lines of their own. */
static void refusal_print(const struct scontrol *s, const char *text, const char *job)
{
    int sentence = (int)strcspn(text, "\n");

    if (!s->quiet)
        fprintf(stderr, "%.*s for job %s%s\n", sentence, text, job,
                say_hints() ? text + sentence : "");
}

/* One line for each job that refused; 1 when any did. */
static int results_print(const struct scontrol *s, const struct job_results *results,
                         struct err *ret_last)
{
    int rc = 0;

    for (uint32_t i = 0; i < results->jobs.n; i++) {
        const struct job_result *one = &results->jobs.v[i];
        const char *text = *one->text ? one->text : errors_text((int)one->code);

        if (!one->code)
            continue;
        rc = 1;
        err_set(ret_last, (int)one->code, "%s", text);
        refusal_print(s, text, one->job);
    }
    return rc;
}

/* Requests over jobs fail for one of them or as a whole; either way each job named is told about.
 */
static int results_call(struct scontrol *s, unsigned opcode, const void *request,
                        const struct strs *jobs, struct err *e)
{
    struct job_results *results;
    int r = scontrol_call(s, opcode, request, (void **)&results, e);

    if (r == 0)
        return results_print(s, results, e);
    if (!s->quiet && (jobs->n == 0 || r == -SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR ||
                      r == -SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT))
        fprintf(stderr, "%s\n", e->text);
    else
        for (uint32_t i = 0; i < jobs->n; i++)
            refusal_print(s, e->text, jobs->v[i]);
    return 1;
}

/* "12 13,14_2 jobname=x State=SpecialExit"; a word that is no number is a job's name. */
static void op_words(struct scontrol *s, int count, char **words, struct job_op *ret)
{
    ret->state = ret->name = "";
    for (int i = 0; i < count; i++) {
        const char *equals = strchr(words[i], '=');

        if (strncasecmp(words[i], "state=", 6) == 0)
            ret->state = equals + 1;
        else if (strncasecmp(words[i], "jobname=", 8) == 0 ||
                 strncasecmp(words[i], "name=", 5) == 0)
            ret->name = equals + 1;
        else if (strspn(words[i], "0123456789") == 0 && !equals)
            ret->name = words[i];
        else
            words_add(&ret->jobs, equals ? equals + 1 : words[i], &s->arena);
    }
}

int scontrol_job_verb(struct scontrol *s, unsigned opcode, int count, char **words)
{
    struct job_op op = { 0 };
    struct err e = { 0 };
    bool holds = opcode == OP_job_hold || opcode == OP_job_uhold || opcode == OP_job_release;

    op_words(s, count, words, &op);

    int rc = results_call(s, opcode, &op, &op.jobs, &e);

    if (rc && holds && !s->quiet) /* Slurm's own odd name for it, kept for those who look for it */
        fprintf(stderr, "slurm_suspend error: %.*s\n", (int)strcspn(e.text, "\n"), e.text);
    return rc;
}

/* ---- update */

enum subject { SUBJECT_NONE, SUBJECT_job, SUBJECT_node, SUBJECT_part, SUBJECT_resv };

static const struct update_key {
    enum subject subject;
    const char *name;
    bool is_alias; /* of the last row that is none */
} update_keys[] = {
#define UPD(subject, name) { SUBJECT_##subject, name, false },
#define ALSO(subject, name) { SUBJECT_##subject, name, true },
#include "schema/update_keys.def"
#undef UPD
#undef ALSO
};

/* Which word names what is to be updated. */
static const struct {
    const char *word;
    enum subject subject;
} subject_words[] = {
    { "JobId", SUBJECT_job },
    { "Job", SUBJECT_job },
    { "StepId", SUBJECT_job }, /* 12.0: a job's name as the controller reads it */
    { "NodeName", SUBJECT_node },
    { "Node", SUBJECT_node },
    { "ReservationName", SUBJECT_resv },
    { "Reservation", SUBJECT_resv },
    { "PartitionName", SUBJECT_part },
    { "Partition", SUBJECT_part },
};

static const char *canonical(enum subject subject, const char *key)
{
    const char *name = NULL;

    for (size_t i = 0; i < sizeof update_keys / sizeof update_keys[0]; i++) {
        if (!update_keys[i].is_alias)
            name = update_keys[i].name;
        if (update_keys[i].subject == subject && strcasecmp(update_keys[i].name, key) == 0)
            return name;
    }
    return NULL;
}

/* The subject that is first in the table wins: "partition=x jobid=12" changes a job. */
static enum subject find_subject(int count, char **words, int *ret_at)
{
    for (size_t k = 0; k < sizeof subject_words / sizeof subject_words[0]; k++)
        for (int i = 0; i < count; i++) {
            size_t len = strlen(subject_words[k].word);

            if (strncasecmp(words[i], subject_words[k].word, len) == 0 && words[i][len] == '=') {
                *ret_at = i;
                return subject_words[k].subject;
            }
        }
    return SUBJECT_NONE;
}

struct settings {
    struct key_value *v;
    uint32_t n;
};

static int settings_parse(struct scontrol *s, enum subject subject, int count, char **words,
                          int skip, struct settings *ret)
{
    ret->v = arena_calloc(&s->arena, (size_t)count + 1, sizeof *ret->v);
    for (int i = 0; i < count; i++) {
        struct key_value *kv = &ret->v[ret->n];

        if (i == skip)
            continue;

        bool is_pair = text_key_value(words[i], &s->arena, kv) == 0;
        const char *name = canonical(subject, is_pair ? kv->key : words[i]);

        if (!name || (!is_pair && strcmp(name, "ResetAccrueTime") != 0)) {
            fprintf(stderr, "Update of this parameter is not supported: %s\nRequest aborted\n",
                    words[i]);
            return -1;
        }
        if (!is_pair)
            *kv = (struct key_value){ .value = "1", .op = "" };
        kv->key = name;
        ret->n++;
    }
    if (!ret->n) {
        fprintf(stderr, "No changes specified\n");
        return -1;
    }
    return 0;
}

static const char *setting(const struct settings *settings, const char *name)
{
    for (uint32_t i = 0; i < settings->n; i++)
        if (strcmp(settings->v[i].key, name) == 0)
            return settings->v[i].value;
    return NULL;
}

static int update_job(struct scontrol *s, const char *ids, const struct settings *set)
{
    struct job_update update = { .set = { set->v, set->n } };
    struct err e = { 0 };

    words_add(&update.jobs, ids, &s->arena);
    return results_call(s, OP_job_modify, &update, &update.jobs, &e);
}

/* Node states that take a node away need a reason with them. */
static int node_state_check(const struct settings *set)
{
    static const char *const words[] = { "DOWN",
                                         "DRAIN",
                                         "FAIL",
                                         "FUTURE",
                                         "NORESP",
                                         "POWER_DOWN",
                                         "POWER_DOWN_ASAP",
                                         "POWER_DOWN_FORCE",
                                         "RESUME",
                                         "POWER_UP",
                                         "UNDRAIN",
                                         "IDLE",
                                         "CANCEL_REBOOT" };
    const char *state = setting(set, "State"), *reason = setting(set, "Reason");
    size_t i = 0;

    if (!state)
        return 0;
    while (i < sizeof words / sizeof words[0] && strcasecmp(words[i], state) != 0)
        i++;
    if (i == sizeof words / sizeof words[0]) {
        fprintf(stderr,
                "Invalid input: state=%s\nRequest aborted\n"
                "Valid states are: NoResp DRAIN FAIL FUTURE RESUME POWER_DOWN POWER_UP UNDRAIN\n"
                "Not all states are valid given a node's prior state\n",
                state);
        return -1;
    }
    if (i < 3 && (!reason || !*reason)) {
        fprintf(stderr,
                "You must specify a reason when DOWNING or DRAINING a node. Request denied\n");
        return -1;
    }
    return 0;
}

static int update_plain(struct scontrol *s, unsigned opcode, const void *request)
{
    struct err e = { 0 };
    void *reply;

    if (scontrol_call(s, opcode, request, &reply, &e) < 0)
        return scontrol_fail(s, "slurm_update", &e);
    return 0;
}

int scontrol_update(struct scontrol *s, int count, char **words)
{
    struct settings set = { 0 };
    int at = 0;
    enum subject subject = find_subject(count, words, &at);

    if (subject == SUBJECT_NONE) {
        fprintf(
            stderr,
            "No valid entity in update command\n"
            "Input line must include \"NodeName\", \"PartitionName\", \"Reservation\", \"JobId\", "
            "or \"SlurmctldDebug\"\n");
        return 1;
    }
    if (subject == SUBJECT_resv)
        return scontrol_update_resv(s, count, words);
    if (settings_parse(s, subject, count, words, at, &set) < 0)
        return 1;

    const char *which = strchr(words[at], '=') + 1;

    if (subject == SUBJECT_job)
        return update_job(s, which, &set);
    if (subject == SUBJECT_part)
        return update_plain(s, OP_part_modify,
                            &(struct part_update){ .name = which, .set = { set.v, set.n } });
    if (node_state_check(&set) < 0)
        return 1;
    return update_plain(s, OP_node_modify,
                        &(struct node_update){ .nodes = which, .set = { set.v, set.n } });
}

/* ---- ping, write, wait_job */

int scontrol_ping(struct scontrol *s, int count, char **words)
{
    struct ping_info *info = NULL;
    const struct conf_host *hosts;
    struct err e = { 0 };
    int r = scontrol_call(s, OP_ping, &(struct empty){}, (void **)&info, &e);

    if (!s->is_open)
        return scontrol_fail(s, "scontrol", &e);

    uint32_t n = conf_controllers(s->connection.conf, &hosts);

    for (uint32_t i = 0; i < n; i++) {
        bool up = r == 0 && (n == 1 || strcmp(info->host, hosts[i].name) == 0);
        const char *role = i == 0   ? "primary"
                           : n == 2 ? "backup"
                                    : arena_printf(&s->arena, "backup%u", i);

        printf("Slurmctld(%s) at %s is %s\n", role, hosts[i].name, up ? "UP" : "DOWN");
    }
    return r == 0 ? 0 : 1;
}

static int script_save(const char *path, const struct bytes *script)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        fprintf(stderr, "failed to open file `%s`: %s\n", path, strerror(errno));
        return -1;
    }

    ssize_t written = write(fd, script->p, script->len);
    bool complete = close(fd) == 0 && written == (ssize_t)script->len;

    if (!complete)
        fprintf(stderr, "failed to write file `%s`: %s\n", path, strerror(errno));
    return complete ? 0 : -1;
}

/* write batch_script ID [FILE|-] */
int scontrol_write(struct scontrol *s, int count, char **words)
{
    struct job_query query = { .jobs = { (const char **)&words[1], 1 },
                               .detail = true,
                               .script = true };
    struct job_infos *jobs;
    struct err e = { 0 };

    if (strncasecmp(words[0], "batch_script", 5) != 0) {
        fprintf(stderr, "invalid entity:%s for keyword:write \n", words[0]);
        return 1;
    }
    int r = scontrol_call(s, OP_job_list, &query, (void **)&jobs, &e);

    if (r == 0 && (!jobs->jobs.n || !jobs->jobs.v[0].spec || !jobs->jobs.v[0].spec->script.len))
        r = err_set(&e, ESLURM_INVALID_JOB_ID, "%s", errors_text(ESLURM_INVALID_JOB_ID));
    if (r < 0) {
        fprintf(stderr, "job script retrieval failed: %s\n", e.text);
        return 0; /* as Slurm's */
    }

    const struct bytes *script = &jobs->jobs.v[0].spec->script;
    const char *path = count > 2 ? words[2] : arena_printf(&s->arena, "slurm-%s.sh", words[1]);

    if (strcmp(path, "-") == 0)
        buf_put(&s->out, script->p, script->len);
    else if (script_save(path, script) == 0)
        printf("batch script for job %s written to %s\n", words[1], path);
    return 0;
}

enum ready { NOT_YET, READY, ENDED, UNKNOWN };

static enum ready readiness(struct scontrol *s, const char *id)
{
    const char *all = "all";
    struct job_query query = { .jobs = { &id, 1 }, .states = { &all, 1 } };
    struct job_infos *jobs;
    struct err e = { 0 };

    if (scontrol_call(s, OP_job_list, &query, (void **)&jobs, &e) < 0 || !jobs->jobs.n)
        return UNKNOWN;

    const struct job_info *job = &jobs->jobs.v[0];

    if (job->state != STATE_RUNNING)
        return ENDED;
    return job->state_flags & STATE_FLAG_CONFIGURING ? NOT_YET : READY;
}

int scontrol_wait_job(struct scontrol *s, int count, char **words)
{
    static const char *const before[] = { "Still waiting for job ", "Nodes are ready for job ",
                                          "Job ", "Problem running job " };
    enum ready ready = NOT_YET;

    for (int i = 0; i < WAIT_TRIES && ready == NOT_YET; i++) {
        if (i)
            sleep(1);
        ready = readiness(s, words[0]);
    }
    fprintf(stderr, "scontrol: %s%s%s\n", before[ready], words[0],
            ready == ENDED ? " no longer running" : "");
    return ready == READY ? 0 : 1;
}
