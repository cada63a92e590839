/* PMI's two dialects.  The first is lines of key=value; the second has the length in six digits in
 * front and ';' between.  A task opens with the first and says there which one it means. */
#include "node/pmi.h"

#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 65536u /* of one message of a task */
#define FENCE_MAX (64u << 20)
#define PAIRS_MAX 64
#define LENGTH_DIGITS 6
#define NAME_LEN 256
#define VALUE_LEN 1024

struct pairs {
    char *key[PAIRS_MAX], *value[PAIRS_MAX];
    uint32_t n;
};

typedef int command_fn(struct pmi *p, struct pmi_task *t, const struct pairs *in);

struct command {
    const char *name;
    command_fn *fn;
};

static int line_one(struct pmi *p, struct pmi_task *t, char *text);
static int line_two(struct pmi *p, struct pmi_task *t, char *text);

/* ---- setting up */

void pmi_init(struct pmi *p, const char *job, const char *mapping, uint32_t size,
              const struct u32s *ranks)
{
    *p = (struct pmi){ .job = job, .size = size, .mapping = mapping, .n = ranks->n };
    p->tasks = xcalloc(ranks->n + 1, sizeof *p->tasks);
    for (uint32_t i = 0; i < ranks->n; i++)
        p->tasks[i].rank = ranks->v[i];
}

void pmi_fini(struct pmi *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        buf_fini(&p->tasks[i].in);
        buf_fini(&p->tasks[i].out);
        free(p->tasks[i].waits_for);
    }
    free(p->tasks);
    smap_fini(&p->kvs);
    smap_fini(&p->local);
    buf_fini(&p->fence);
    arena_fini(&p->arena);
    *p = (struct pmi){ 0 };
}

/* ---- messages */

/* The length of the first whole message in the buffer, its head included; 0: not whole yet. */
static int64_t whole(const struct pmi_task *t)
{
    char digits[LENGTH_DIGITS + 1] = "";

    if (t->version != PMI_2) {
        const uint8_t *end = memchr(t->in.data, '\n', t->in.len);
        return end ? end - t->in.data + 1 : t->in.len > LINE_MAX_LEN ? -EPROTO : 0;
    }
    if (t->in.len < LENGTH_DIGITS)
        return 0;
    memcpy(digits, t->in.data, LENGTH_DIGITS);
    char *end;
    unsigned long len = strtoul(digits, &end, 10);
    if (*end || len == 0 || len > LINE_MAX_LEN)
        return -EPROTO;
    return t->in.len >= LENGTH_DIGITS + len ? (int64_t)(LENGTH_DIGITS + len) : 0;
}

int pmi_input(struct pmi *p, uint32_t local, const void *data, size_t len)
{
    struct pmi_task *t = &p->tasks[local];
    int64_t size;
    int err = 0;

    buf_put(&t->in, data, len);
    while (err == 0 && t->in.len && (size = whole(t)) != 0) {
        if (size < 0)
            return (int)size;
        size_t head = t->version == PMI_2 ? LENGTH_DIGITS : 0;
        char *text = xstrndup((const char *)t->in.data + head, (size_t)size - head);
        buf_drop(&t->in, (size_t)size);
        err = t->version == PMI_2 ? line_two(p, t, text) : line_one(p, t, text);
        free(text);
    }
    return err;
}

static const char *get(const struct pairs *in, const char *key)
{
    for (uint32_t i = 0; i < in->n; i++)
        if (strcmp(in->key[i], key) == 0)
            return in->value[i];
    return NULL;
}

static void pair_add(struct pairs *in, char *text)
{
    char *equals = strchr(text, '=');

    if (!equals || in->n == PAIRS_MAX)
        return;
    *equals = '\0';
    in->key[in->n] = text;
    in->value[in->n++] = equals + 1;
}

static int run(const struct command *all, size_t n, struct pmi *p, struct pmi_task *t,
               const struct pairs *in)
{
    const char *name = get(in, "cmd");

    for (size_t i = 0; name && i < n; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].fn(p, t, in);
    return -EPROTO;
}

/* ---- keys */

static void store(struct pmi *p, struct smap *where, const char *key, const char *value)
{
    smap_put(where, arena_strdup(&p->arena, key), arena_strdup(&p->arena, value));
}

static const char *lookup(const struct pmi *p, const char *key)
{
    return strcmp(key, "PMI_process_mapping") == 0 ? p->mapping : smap_get(&p->kvs, key);
}

/* Known here at once, elsewhere after the next fence. */
static int put(struct pmi *p, const char *key, const char *value)
{
    if (!key || !value || p->fence.len > FENCE_MAX)
        return -EPROTO;
    store(p, &p->kvs, key, value);
    buf_put(&p->fence, key, strlen(key) + 1);
    buf_put(&p->fence, value, strlen(value) + 1);
    return 0;
}

static void come_to_fence(struct pmi *p, struct pmi_task *t)
{
    if (t->is_at_fence)
        return;
    t->is_at_fence = true;
    p->is_fence_ready = ++p->at_fence == p->n;
}

static int abort_all(struct pmi *p, int code, const char *text)
{
    p->is_aborted = true;
    p->abort_code = code;
    snprintf(p->abort_text, sizeof p->abort_text, "%s", text ? text : "");
    return 0;
}

/* ---- the first dialect */

static int one_init(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *version = get(in, "pmi_version");
    bool is_two = version && strcmp(version, "2") == 0;

    t->version = is_two ? PMI_2 : PMI_1;
    buf_printf(&t->out, "cmd=response_to_init pmi_version=%d pmi_subversion=%d rc=0\n",
               is_two ? 2 : 1, is_two ? 0 : 1);
    return 0;
}

static int one_maxes(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    buf_printf(&t->out, "cmd=maxes kvsname_max=%d keylen_max=%d vallen_max=%d rc=0\n", NAME_LEN,
               NAME_LEN, VALUE_LEN);
    return 0;
}

static int one_appnum(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    buf_puts(&t->out, "cmd=appnum appnum=0 rc=0\n");
    return 0;
}

static int one_kvsname(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    buf_printf(&t->out, "cmd=my_kvsname kvsname=%s rc=0\n", p->job);
    return 0;
}

static int one_universe(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    buf_printf(&t->out, "cmd=universe_size size=%u rc=0\n", p->size);
    return 0;
}

static int one_barrier(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    come_to_fence(p, t);
    return 0;
}

static int one_put(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    int err = put(p, get(in, "key"), get(in, "value"));

    if (err == 0)
        buf_puts(&t->out, "cmd=put_result rc=0 msg=success\n");
    return err;
}

static int one_get(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *key = get(in, "key"), *value = key ? lookup(p, key) : NULL;

    if (value)
        buf_printf(&t->out, "cmd=get_result rc=0 msg=success value=%s\n", value);
    else
        buf_puts(&t->out, "cmd=get_result rc=-1 msg=key_not_found value=unknown\n");
    return 0;
}

static int one_finalize(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    t->is_through = true;
    buf_puts(&t->out, "cmd=finalize_ack rc=0\n");
    return 0;
}

static int one_abort(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *code = get(in, "exitcode");

    return abort_all(p, code ? atoi(code) : 1, get(in, "error_msg"));
}

/* Publishing names and spawning are not done here, and say so. */
static int one_refuse(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *name = get(in, "cmd");

    buf_printf(&t->out, "cmd=%.*s_result info=not_supported rc=-1 msg=not_supported\n",
               (int)strcspn(name, "_"), name);
    return 0;
}

/* Words between blanks, but for a value: it may hold anything up to the end of the line. */
static int line_one(struct pmi *p, struct pmi_task *t, char *text)
{
    static const struct command commands[] = {
        { "init", one_init },
        { "get_maxes", one_maxes },
        { "get_appnum", one_appnum },
        { "get_my_kvsname", one_kvsname },
        { "barrier_in", one_barrier },
        { "get_universe_size", one_universe },
        { "put", one_put },
        { "get", one_get },
        { "finalize", one_finalize },
        { "abort", one_abort },
        { "publish_name", one_refuse },
        { "unpublish_name", one_refuse },
        { "lookup_name", one_refuse },
    };
    struct pairs in = { .n = 0 };

    text[strcspn(text, "\n")] = '\0';
    for (char *at = text; at && *at;) {
        at += strspn(at, " ");
        bool is_value = strncmp(at, "value=", 6) == 0;
        char *blank = is_value ? NULL : strchr(at, ' ');
        if (blank)
            *blank = '\0';
        pair_add(&in, at);
        at = blank ? blank + 1 : NULL;
    }
    return run(commands, sizeof commands / sizeof commands[0], p, t, &in);
}

/* ---- the second dialect */

/* A value may hold ';' as ";;". */
static void put_value(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == ';')
            buf_putc(out, ';');
        buf_putc(out, *value);
    }
}

static void answer(struct pmi_task *t, const char *command, const char *body)
{
    struct buf text = { 0 };

    buf_printf(&text, "cmd=%s-response;", command);
    if (t->thread[0])
        buf_printf(&text, "thrid=%s;", t->thread);
    buf_printf(&text, "rc=0;%s", body);
    buf_printf(&t->out, "%6zu", text.len);
    buf_put(&t->out, text.data, text.len);
    buf_fini(&text);
}

static void answer_value(struct pmi_task *t, const char *command, const char *value)
{
    struct buf body = { 0 };

    buf_printf(&body, "found=%s;", value ? "TRUE" : "FALSE");
    if (value) {
        buf_puts(&body, "value=");
        put_value(&body, value);
        buf_puts(&body, ";");
    }
    answer(t, command, buf_str(&body));
    buf_fini(&body);
}

static int two_init(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    char body[160];

    snprintf(
        body, sizeof body,
        "pmi-version=2;pmi-subversion=0;rank=%u;size=%u;appnum=0;debugged=FALSE;pmiverbose=FALSE;",
        t->rank, p->size);
    answer(t, "fullinit", body);
    return 0;
}

static int two_job_id(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    char body[80];

    snprintf(body, sizeof body, "jobid=%.60s;", p->job);
    answer(t, "job-getid", body);
    return 0;
}

static int two_put(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    int err = put(p, get(in, "key"), get(in, "value"));

    if (err == 0)
        answer(t, "kvs-put", "");
    return err;
}

static int two_get(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *key = get(in, "key");

    answer_value(t, "kvs-get", key ? lookup(p, key) : NULL);
    return 0;
}

static int two_fence(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    come_to_fence(p, t);
    return 0;
}

static int two_job_attribute(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *key = get(in, "key");
    char size[16];

    snprintf(size, sizeof size, "%u", p->size);
    answer_value(t, "info-getjobattr",
                 !key                               ? NULL
                 : strcmp(key, "universeSize") == 0 ? size
                                                    : lookup(p, key));
    return 0;
}

/* An attribute of the node may be waited for: another task here will put it. */
static int two_node_get(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *key = get(in, "key"), *wait = get(in, "wait");
    const char *value = key ? smap_get(&p->local, key) : NULL;

    if (!value && key && wait && strcmp(wait, "TRUE") == 0) {
        free(t->waits_for);
        t->waits_for = xstrdup(key);
        return 0;
    }
    answer_value(t, "info-getnodeattr", value);
    return 0;
}

static int two_node_put(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    const char *key = get(in, "key"), *value = get(in, "value");

    if (!key || !value)
        return -EPROTO;
    store(p, &p->local, key, value);
    answer(t, "info-putnodeattr", "");
    for (uint32_t i = 0; i < p->n; i++) {
        struct pmi_task *other = &p->tasks[i];
        if (!other->waits_for || strcmp(other->waits_for, key) != 0)
            continue;
        answer_value(other, "info-getnodeattr", value);
        free(other->waits_for);
        other->waits_for = NULL;
    }
    return 0;
}

static int two_finalize(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    t->is_through = true;
    answer(t, "finalize", "");
    return 0;
}

static int two_abort(struct pmi *p, struct pmi_task *t, const struct pairs *in)
{
    return abort_all(p, 1, get(in, "msg"));
}

/* Splits at single ';' and joins double ones. */
static void split(char *text, struct pairs *in)
{
    char *from = text, *to = text, *start = text;

    for (; *from; from++) {
        bool is_double = from[0] == ';' && from[1] == ';';
        if (*from != ';' || is_double) {
            *to++ = *from;
            from += is_double;
            continue;
        }
        *to++ = '\0';
        pair_add(in, start);
        start = to;
    }
    *to = '\0';
    pair_add(in, start);
}

static int line_two(struct pmi *p, struct pmi_task *t, char *text)
{
    static const struct command commands[] = {
        { "fullinit", two_init },
        { "job-getid", two_job_id },
        { "kvs-put", two_put },
        { "kvs-get", two_get },
        { "kvs-fence", two_fence },
        { "info-getjobattr", two_job_attribute },
        { "info-getnodeattr", two_node_get },
        { "info-putnodeattr", two_node_put },
        { "finalize", two_finalize },
        { "abort", two_abort },
    };
    struct pairs in = { .n = 0 };

    split(text, &in);
    const char *thread = get(&in, "thrid");
    snprintf(t->thread, sizeof t->thread, "%s", thread ? thread : "");
    return run(commands, sizeof commands / sizeof commands[0], p, t, &in);
}

/* ---- the fence */

static void import(struct pmi *p, const char *data, size_t len)
{
    const char *end = data + len;

    while (data < end) {
        size_t key = strnlen(data, (size_t)(end - data));
        if (data + key >= end)
            return;
        const char *value = data + key + 1;
        size_t size = strnlen(value, (size_t)(end - value));
        if (value + size >= end)
            return;
        store(p, &p->kvs, data, value);
        data = value + size + 1;
    }
}

void pmi_fence_over(struct pmi *p, const void *data, size_t len)
{
    import(p, data, len);
    buf_reset(&p->fence);
    p->at_fence = 0;
    p->is_fence_ready = false;
    p->fences_over++;
    for (uint32_t i = 0; i < p->n; i++) {
        struct pmi_task *t = &p->tasks[i];
        if (!t->is_at_fence)
            continue;
        t->is_at_fence = false;
        if (t->version == PMI_2)
            answer(t, "kvs-fence", "");
        else
            buf_puts(&t->out, "cmd=barrier_out rc=0\n");
    }
}

/* ---- where ranks are */

/* How many ranks from `at` on are on one node. */
static uint32_t run_of(const uint32_t *node, uint32_t at, uint32_t end)
{
    uint32_t n = 1;

    while (at + n < end && node[at + n] == node[at])
        n++;
    return n;
}

/* Blocks of ranks as (first node, nodes, ranks on each).  The reader begins again at the end of the
 * list, so the list of a step that goes round its nodes is one turn long. */
const char *pmi_mapping(const struct step_node *parts, uint32_t n, uint32_t size, struct arena *a)
{
    struct buf out = { 0 };
    uint32_t *node = arena_calloc(a, size + 1, sizeof *node), turn = 1;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t t = 0; t < parts[i].tasks.n; t++)
            node[parts[i].tasks.v[t] < size ? parts[i].tasks.v[t] : size] = i;
    while (turn < size && memcmp(node, node + turn, (size - turn) * sizeof *node) != 0)
        turn++;
    if (turn == 1)
        turn = size; /* one node */
    for (uint32_t at = 0; at < turn;) {
        uint32_t each = run_of(node, at, turn), nodes = 1, next = at + each;
        while (next < turn && node[next] == node[at] + nodes && run_of(node, next, turn) == each) {
            nodes++;
            next += each;
        }
        buf_printf(&out, ",(%u,%u,%u)", node[at], nodes, each);
        at = next;
    }
    const char *text = arena_printf(a, "(vector%s)", buf_str(&out));
    buf_fini(&out);
    return text;
}
