/* Ends of tasks, gathered and told (step_tasks.h). */
#include "cli/step_tasks.h"

#include "base/buf.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

void tasks_init(struct step_tasks *t, uint32_t n)
{
    *t = (struct step_tasks){ .n = n, .state = xcalloc(n + 1, 1) };
}

void tasks_fini(struct step_tasks *t)
{
    for (uint32_t i = 0; i < t->told_n; i++)
        free(t->told[i].ranks);
    free(t->told);
    free(t->state);
}

static int code_of(int32_t status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct task_end *end_like(struct step_tasks *t, uint32_t node, const struct io_exit *exit)
{
    for (uint32_t i = 0; i < t->told_n; i++)
        if (t->told[i].node == node && t->told[i].status == exit->wait_status &&
            t->told[i].oom == exit->oom)
            return &t->told[i];
    t->told = xrealloc(t->told, t->told_n + 1, sizeof *t->told);
    t->told[t->told_n] = (struct task_end){ .node = node,
                                            .status = exit->wait_status,
                                            .oom = exit->oom,
                                            .ranks = xcalloc(t->n / 8 + 1, 1) };
    return &t->told[t->told_n++];
}

bool tasks_ended(struct step_tasks *t, uint32_t node, const struct io_exit *exit)
{
    int code = code_of(exit->wait_status);

    if (t->state[exit->task] >= TASK_EXITED)
        return false;
    t->state[exit->task] = code ? TASK_FAILED : TASK_EXITED;
    if (code > t->exit_code) {
        t->exit_code = code;
        t->status = exit->wait_status;
    }
    struct task_end *end = end_like(t, node, exit);
    end->ranks[exit->task / 8] |= (uint8_t)(1u << exit->task % 8);
    return t->ended++ == 0;
}

/* "task 3" or "tasks 0-2,5" */
static void put_ranks(struct buf *b, const uint8_t *ranks, uint32_t n)
{
    uint32_t count = 0;
    struct buf list = { 0 };

    for (uint32_t i = 0, last; i < n; i = last + 1) {
        last = i;
        if (!(ranks[i / 8] >> i % 8 & 1))
            continue;
        while (last + 1 < n && ranks[(last + 1) / 8] >> (last + 1) % 8 & 1)
            last++;
        buf_printf(&list, last > i ? "%s%u-%u" : "%s%u", count ? "," : "", i, last);
        count += last - i + 1;
    }
    buf_printf(b, "task%s %s", count == 1 ? "" : "s", buf_str(&list));
    buf_fini(&list);
}

static void put_how(struct buf *b, const struct task_end *end)
{
    if (end->oom)
        buf_puts(b, "Out Of Memory");
    else if (WIFSIGNALED(end->status))
        buf_printf(b, "%s%s", strsignal(WTERMSIG(end->status)),
                   WCOREDUMP(end->status) ? " (core dumped)" : "");
    else
        buf_printf(b, "Exited with exit code %d", WEXITSTATUS(end->status));
}

void tasks_tell(struct step_tasks *t, const char *tool,
                const char *(*name)(void *ctx, uint32_t node), void *ctx)
{
    for (uint32_t i = 0; i < t->told_n; i++) {
        struct task_end *end = &t->told[i];
        struct buf line = { 0 };
        put_ranks(&line, end->ranks, t->n);
        buf_puts(&line, ": ");
        put_how(&line, end);
        if (end->status || end->oom)
            fprintf(stderr, "%s: error: %s: %s\n", tool, name(ctx, end->node), buf_str(&line));
        buf_fini(&line);
        free(end->ranks);
    }
    t->told_n = 0;
}

void tasks_status(const struct step_tasks *t, const char *tool, const char *step)
{
    static const struct {
        enum task_state state;
        const char *word;
    } words[] = { { TASK_NEW, "starting" },
                  { TASK_RUNNING, "running" },
                  { TASK_EXITED, "exited" },
                  { TASK_FAILED, "exited abnormally" } };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        uint8_t *ranks = xcalloc(t->n / 8 + 1, 1);
        struct buf line = { 0 };
        uint32_t count = 0;
        for (uint32_t k = 0; k < t->n; k++)
            if (t->state[k] == words[i].state) {
                ranks[k / 8] |= (uint8_t)(1u << k % 8);
                count++;
            }
        put_ranks(&line, ranks, t->n);
        if (count)
            fprintf(stderr, "%s: StepId=%s %s: %s\n", tool, step, buf_str(&line), words[i].word);
        buf_fini(&line);
        free(ranks);
    }
}
