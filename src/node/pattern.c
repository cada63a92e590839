/* File name patterns.  One row a letter; a number between % and the letter pads numbers with zeros.
 * Letters that are not in the table stay as the user wrote them, as Slurm does. */
#include "node/pattern.h"

#include "schema/rpc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAD_MAX 10          /* Slurm's widest padding */
#define NO_TASK 4294967294u /* what Slurm prints for %a outside of arrays */

struct place {
    const struct launch *l;
    uint32_t task; /* its rank */
};

typedef uint64_t number_fn(const struct place *at);
typedef void text_fn(const struct launch *l, struct buf *out);

struct letter {
    char letter;
    number_fn *number; /* padded; NULL when the letter is text */
    text_fn *text;
};

static uint64_t array_job(const struct place *at)
{
    return at->l->array_job_id ? at->l->array_job_id : at->l->job_id;
}

static uint64_t array_task(const struct place *at)
{
    return at->l->array_task_id.set ? at->l->array_task_id.v : NO_TASK;
}

static uint64_t array_digit(const struct place *at)
{
    return array_task(at) % 10;
}

static uint64_t job(const struct place *at)
{
    return at->l->job_id;
}

static uint64_t node_rank(const struct place *at)
{
    return at->l->node_index;
}

static uint64_t task_rank(const struct place *at)
{
    return at->task;
}

static void step(const struct launch *l, struct buf *out)
{
    if (l->step_id == STEP_BATCH)
        buf_puts(out, "batch");
    else
        buf_printf(out, "%u", l->step_id);
}

static void job_and_step(const struct launch *l, struct buf *out)
{
    buf_printf(out, l->step_id == STEP_BATCH ? "%u" : "%u.%u", l->job_id, l->step_id);
}

static void short_host(const struct launch *l, struct buf *out)
{
    buf_put(out, l->node_name, strcspn(l->node_name, "."));
}

static void user(const struct launch *l, struct buf *out)
{
    buf_puts(out, l->user_name);
}

static void job_name(const struct launch *l, struct buf *out)
{
    buf_puts(out, l->job_name);
}

static const struct letter letters[] = {
    { 'A', array_job, NULL },    { 'a', array_task, NULL }, { 'b', array_digit, NULL },
    { 'J', NULL, job_and_step }, { 'j', job, NULL },        { 'N', NULL, short_host },
    { 'n', node_rank, NULL },    { 's', NULL, step },       { 't', task_rank, NULL },
    { 'u', NULL, user },         { 'x', NULL, job_name },
};

static const struct letter *letter_find(char c)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == c)
            return &letters[i];
    return NULL;
}

/* Writes the replacement of the symbol that begins at p (a '%'); returns how many characters it
 * took. */
static size_t symbol(const char *p, const struct place *at, struct buf *out)
{
    unsigned width = 0;
    size_t n = 1;

    if (p[n] == '%') {
        buf_putc(out, '%');
        return 2;
    }
    for (; isdigit((unsigned char)p[n]); n++)
        width = width > PAD_MAX ? width : width * 10 + (unsigned)(p[n] - '0');

    const struct letter *found = p[n] ? letter_find(p[n]) : NULL;
    if (!found) {
        buf_putc(out, '%');
        return 1;
    }
    if (found->number)
        buf_printf(out, "%0*llu", (int)(width > PAD_MAX ? PAD_MAX : width),
                   (unsigned long long)found->number(at));
    else
        found->text(at->l, out);
    return n + 1;
}

/* Two backslashes in front switch the replacement off and are not part of the name. */
void pattern_path(const char *text, const struct launch *l, uint32_t task, struct buf *ret)
{
    const struct place at = { l, task };
    bool is_raw = strncmp(text, "\\\\", 2) == 0;

    buf_reset(ret);
    if (is_raw)
        text += 2;
    if (text[0] != '/')
        buf_printf(ret, "%s/", l->work_dir);
    for (const char *p = text; *p;) {
        if (*p == '%' && !is_raw) {
            p += symbol(p, &at, ret);
            continue;
        }
        buf_putc(ret, *p);
        p++;
    }
}
