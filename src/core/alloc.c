/* The owner of an allocation without a script is through with it. */
#include "core/finish.h"
#include "core/state.h"

void decide_through(struct turn *t, const struct alloc_end *end)
{
    const struct job *job = job_find(t->c, end->job_id);
    const struct who *who = &t->in->who;
    struct fact_job_end f = { .result = end->wait_status ? RESULT_FAILED : RESULT_COMPLETED,
                              .reason = end->wait_status ? REASON_NonZeroExitCode : REASON_None,
                              .exit_code = end->wait_status,
                              .now = t->in->now,
                              .job_id = end->job_id };

    if (!job) {
        turn_refuse(t, ESLURM_INVALID_JOB_ID, "there is no job %u", end->job_id);
        return;
    }
    if (who->uid != job->uid && who->uid != 0 && who->role < ROLE_OPERATOR) {
        turn_refuse(t, ESLURM_ACCESS_DENIED, "job %u is %s's", job->id, job->user);
        return;
    }
    f.kill_wait_s = t->c->conf->kill_wait_s;
    if (job->phase == PHASE_RUNNING) {
        end_running(t, job, f);
    } else if (job->phase == PHASE_PENDING && !job->rest) {
        f.result = RESULT_CANCELLED;
        f.killed_by = (struct opt_u32){ true, who->uid };
        end_pending(t, job, f);
    }
    turn_reply(t, &desc_empty, &(struct empty){});
}
