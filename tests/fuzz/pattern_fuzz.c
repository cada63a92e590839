/* --output as a user may write it, for a job whose names are as odd: the path is absolute, and
 * no longer than its parts allow. */
#include "base/xalloc.h"
#include "node/pattern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 21 /* one replaced number, or "number.number" */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The string up to the next NUL; *at moves behind it. */
static char *word(const uint8_t *data, size_t size, size_t *at)
{
    size_t len = strnlen((const char *)data + *at, size - *at);
    char *text = xstrndup((const char *)data + *at, len);

    *at += *at + len < size ? len + 1 : len;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct launch l = { .work_dir = "/w", .job_id = 7, .step_id = 3, .array_job_id = 7 };
    struct buf path = { 0 };
    size_t at = 0;

    if (size == 0)
        return 0;
    char *text = word(data, size, &at);
    char *node = word(data, size, &at);
    char *user = word(data, size, &at);
    char *job = word(data, size, &at);
    l.node_name = node;
    l.user_name = user;
    l.job_name = job;
    l.array_task_id.set = size & 1;
    l.array_task_id.v = (uint32_t)size;

    pattern_path(text, &l, 0, &path);
    size_t longest = NUMBER_MAX + strlen(node) + strlen(user) + strlen(job);
    assert(buf_str(&path)[0] == '/' && strlen(buf_str(&path)) == path.len);
    assert(path.len <= strlen("/w/") + strlen(text) * longest);
    buf_fini(&path);
    free(text);
    free(node);
    free(user);
    free(job);
    return 0;
}
