/* A launch put together: what the core knows, what the user asked (the cold part), script,
 * environment, groups. */
#include "slurmctld/ctld.h"

#include "base/log.h"
#include "base/xalloc.h"
#include "schema/errors.h"
#include "wire/wire.h"

#include <errno.h>
#include <string.h>

/* Bytes of a member by kind; 0: kinds that are not copied. */
static const uint8_t sizes[] = {
    [KIND_BOOL] = sizeof(bool),
    [KIND_U32] = sizeof(uint32_t),
    [KIND_U64] = sizeof(uint64_t),
    [KIND_I32] = sizeof(int32_t),
    [KIND_I64] = sizeof(int64_t),
    [KIND_F64] = sizeof(double),
    [KIND_STR] = sizeof(char *),
    [KIND_BYTES] = sizeof(struct bytes),
    [KIND_STRS] = sizeof(struct strs),
    [KIND_U32S] = sizeof(struct u32s),
    [KIND_OPT_BOOL] = sizeof(struct opt_bool),
    [KIND_OPT_U32] = sizeof(struct opt_u32),
    [KIND_OPT_U64] = sizeof(struct opt_u64),
    [KIND_OPT_I64] = sizeof(struct opt_i64),
    [KIND_ONE] = sizeof(void *),
    [KIND_LIST] = sizeof(struct {
        void *v;
        uint32_t n;
    }),
};

static bool is_absent(const struct field *f, const void *member)
{
    static const char zero[32];

    if (f->kind == KIND_STR) {
        const char *s = *(const char *const *)member;
        return !s || !*s;
    }
    if (f->kind == KIND_BYTES)
        return ((const struct bytes *)member)->len == 0;
    if (f->kind == KIND_STRS)
        return ((const struct strs *)member)->n == 0;
    return memcmp(member, zero, sizes[f->kind]) == 0;
}

struct twins twins_find(const struct desc *to, const struct desc *from)
{
    const struct field *fields = to->fields();
    struct twins t = { xcalloc(to->count, sizeof *t.v), 0 };

    for (unsigned i = 0; i < to->count; i++) {
        const struct field *f = &fields[i];
        const struct field *same = desc_field(from, f->name);
        if (same && same->kind == f->kind && same->sub == f->sub)
            t.v[t.n++] = (struct twin){ f, same };
    }
    return t;
}

void copy_missing(const struct twins *t, void *dst, const void *src)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct field *f = t->v[i].to;
        char *member = (char *)dst + f->offset;

        if (is_absent(f, member))
            memcpy(member, (const char *)src + t->v[i].from->offset, sizes[f->kind]);
    }
}

bool cold_spec(struct ctld *c, uint32_t job_id, struct arena *a, struct job_spec *ret,
               uint64_t *ret_script, uint64_t *ret_environment)
{
    struct bytes cold;
    uint64_t script, environment;

    if (!core_job_cold(c->core, job_id, &cold, &script, &environment) ||
        wire_unpack(&desc_job_spec, cold.p, cold.len, a, ret, NULL) < 0)
        return false;
    if (ret_script)
        *ret_script = script;
    if (ret_environment)
        *ret_environment = environment;
    return true;
}

/* The environment is stored as strings that end in NUL. */
static struct strs split(struct bytes text, struct arena *a)
{
    struct strs ret = { 0 };
    const char *at = (const char *)text.p;
    const char *end = at + text.len;

    for (const char *p = at; p < end; p++)
        ret.n += *p == '\0';
    ret.v = arena_calloc(a, ret.n ? ret.n : 1, sizeof *ret.v);
    for (uint32_t i = 0; i < ret.n; i++) {
        ret.v[i] = at;
        at += strlen(at) + 1;
    }
    return ret;
}

static int add_blobs(struct ctld *c, uint64_t script, uint64_t environment, struct arena *a,
                     struct launch *l, struct err *e)
{
    struct bytes text = { 0 };

    int r = script ? blobs_get(c->blobs, script, a, &l->script, e) : 0;
    if (r == 0 && environment)
        r = blobs_get(c->blobs, environment, a, &text, e);
    if (r == 0)
        l->environment = split(text, a);
    return r < 0
               ? err_set(e, ESLURMD_CREATE_BATCH_SCRIPT_ERROR, "job %u: %.200s", l->job_id, e->text)
               : 0;
}

static bool appends(const struct ctld *c, const struct job_spec *spec)
{
    if (*spec->open_mode)
        return spec->open_mode[0] == 'a';
    return conf_u32(c->conf, "JobFileAppend") == 1;
}

/* Without the user database: the name as it was at submission, and no group but the job's. */
static void name_owner(struct ctld *c, const struct job_spec *spec, struct arena *a,
                       struct launch *ret)
{
    const struct user *user = names_wait(c->names, ret->uid);
    bool has_name = spec->user_name && *spec->user_name;

    if (user->is_late)
        log_error("JobId=%u starts without the groups of uid %u: the user database is silent",
                  ret->job_id, ret->uid);
    ret->user_name = arena_strdup(a, user->is_late && has_name ? spec->user_name : user->name);
    ret->groups.n = user->is_late ? 1 : user->group_count;
    ret->groups.v = arena_memdup(a, user->is_late ? &ret->gid : user->groups,
                                 ret->groups.n * sizeof *user->groups);
}

static int fill(struct ctld *c, const struct effect *ef, struct arena *a, struct launch *ret,
                uint64_t blobs[2])
{
    struct job_spec spec = { 0 };

    if (core_launch(c->core, ef->job_id, ef->node, a, ret) < 0 ||
        !cold_spec(c, ef->job_id, a, &spec, &blobs[0], &blobs[1]))
        return 1;
    copy_missing(&c->launch_twins, ret, &spec);
    ret->epoch = wal_epoch(c->wal);
    ret->step_id = STEP_BATCH;
    name_owner(c, &spec, a, ret);
    ret->append = appends(c, &spec);
    if (!ret->submit_dir || !*ret->submit_dir)
        ret->submit_dir = ret->work_dir;
    ret->cluster = conf_str(c->conf, "ClusterName");
    return 0;
}

int launch_job(struct ctld *c, uint32_t job_id, uint32_t node, struct arena *a, struct launch *ret,
               struct err *e)
{
    const struct effect at = { .job_id = job_id, .node = node };
    uint64_t blobs[2];

    return fill(c, &at, a, ret, blobs);
}

/* 0, 1 when the job is no longer to be started, or negative: it cannot be. */
int launch_make(struct ctld *c, const struct effect *ef, struct arena *a, struct launch *ret,
                struct err *e)
{
    uint64_t blobs[2];

    if (fill(c, ef, a, ret, blobs) != 0 || ret->restart != ef->restart)
        return 1;
    return add_blobs(c, blobs[0], blobs[1], a, ret, e);
}
