/* Generic resources of a step.  One that asks for some gets them for itself; one that asks for none
 * shares all that its job has there, and holds nothing. */
#include "core/step_gres.h"

#include "core/gres.h"
#include "core/step_layout.h"

#include <string.h>

/* What of a line of the job's part is there for a step. */
struct left {
    uint64_t units; /* devices; 0 when only counted */
    uint64_t count;
};

static uint64_t mask_of(struct bytes units)
{
    uint64_t mask = 0;

    for (uint32_t i = 0; i < units.len && i < sizeof mask; i++)
        mask |= (uint64_t)units.p[i] << 8 * i;
    return mask;
}

static bool is_line(const struct gres_part *line, const char *name, const char *type)
{
    return strcmp(line->name, name) == 0 && strcmp(line->type, type) == 0;
}

static void take_out(struct left *left, const struct step_node *part, const struct gres_part *line)
{
    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_part *held = &part->gres.v[i];
        if (!is_line(held, line->name, line->type))
            continue;
        left->units &= ~mask_of(held->units);
        left->count -= held->count < left->count ? held->count : left->count;
    }
}

/* is_now: without what other steps hold. */
static struct left left_of(const struct step_ask *ask, const struct alloc_node *of,
                           const struct gres_part *line, bool is_now)
{
    struct left left = { mask_of(line->units), line->count };

    if (!is_now || ask->spec->overlap)
        return left;
    STEP_FOREACH(s, ask->job)
    {
        const struct step_node *part = step_part_on(s, of->node);
        if (part && s->rec->has_gres && step_holds(s, part))
            take_out(&left, part, line);
    }
    return left;
}

static bool fits(const struct gres_piece *want, const struct gres_part *line)
{
    const struct gres_word name = { line->name, strlen(line->name) };
    const struct gres_word type = { line->type, strlen(line->type) };

    return gres_same(want->name, name) && (want->type.len == 0 || gres_same(want->type, type));
}

static uint64_t count_of(const struct gres_piece *want)
{
    return want->has_count ? want->count : 1;
}

static uint64_t left_for(const struct step_ask *ask, const struct alloc_node *of,
                         const struct gres_piece *want, bool is_now)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < of->gres.n; i++)
        if (fits(want, &of->gres.v[i]))
            sum += left_of(ask, of, &of->gres.v[i], is_now).count;
    return sum;
}

static bool is_none(const char *list)
{
    return strcmp(list, "none") == 0 || strcmp(list, "gres:none") == 0;
}

bool step_gres_is_asked(const struct step_spec *spec)
{
    return (spec->tres_per_node && *spec->tres_per_node) ||
           (spec->tres_per_task && *spec->tres_per_task) ||
           (spec->tres_per_step && *spec->tres_per_step);
}

/* A node that has too little of what each node or each task must have is out. */
uint32_t step_gres_room(const struct step_ask *ask, const struct alloc_node *of, bool is_now)
{
    const char *per_node = ask->spec->tres_per_node, *per_task = ask->spec->tres_per_task;
    const char *per_step = ask->spec->tres_per_step;
    struct gres_piece want;
    uint32_t room = LAYOUT_ANY;

    if (per_node && is_none(per_node))
        per_node = "";
    while (per_node && gres_next(&per_node, &want))
        if (left_for(ask, of, &want, is_now) < count_of(&want))
            return 0;
    while (per_step && gres_next(&per_step, &want))
        if (left_for(ask, of, &want, is_now) == 0)
            return 0;
    while (per_task && gres_next(&per_task, &want)) {
        uint64_t tasks =
            count_of(&want) ? left_for(ask, of, &want, is_now) / count_of(&want) : room;
        room = tasks < room ? (uint32_t)tasks : room;
    }
    return room;
}

/* Devices are taken from the lowest number on. */
static struct bytes take_units(uint64_t from, uint64_t count, struct arena *a)
{
    uint8_t *out = arena_calloc(a, 8, 1);

    for (unsigned i = 0; i < 64 && count > 0; i++) {
        if (!(from >> i & 1))
            continue;
        out[i / 8] = (uint8_t)(out[i / 8] | 1u << i % 8);
        count--;
    }
    return (struct bytes){ out, from ? 8 : 0 };
}

static void give(const struct step_ask *ask, const struct alloc_node *of,
                 const struct gres_piece *want, uint64_t count, struct step_node *part)
{
    for (uint32_t i = 0; i < of->gres.n && count > 0; i++) {
        const struct gres_part *line = &of->gres.v[i];
        struct left left = left_of(ask, of, line, true);
        if (!fits(want, line) || left.count == 0)
            continue;
        uint64_t n = left.count < count ? left.count : count;
        struct gres_part *mine = &part->gres.v[part->gres.n++];
        *mine = *line;
        mine->count = n;
        if (line->shares.n == 0)
            mine->units = take_units(left.units, n, ask->a);
        count -= n;
    }
}

/* Of what the whole step asks for, a node gets as its tasks are of all. */
static uint64_t portion(const struct step_ask *ask, uint64_t all, uint32_t tasks)
{
    uint64_t ntasks = ask->spec->ntasks.set && ask->spec->ntasks.v ? ask->spec->ntasks.v : tasks;
    uint64_t n = all * tasks / ntasks;

    return n ? n : 1;
}

void step_gres_give(const struct step_ask *ask, const struct alloc_node *of, uint32_t tasks,
                    struct step_node *part)
{
    const char *per_node = ask->spec->tres_per_node, *per_task = ask->spec->tres_per_task;
    const char *per_step = ask->spec->tres_per_step;
    struct gres_piece want;

    if (!step_gres_is_asked(ask->spec)) {
        part->gres.v = of->gres.v;
        part->gres.n = of->gres.n;
        return;
    }
    part->gres.v = arena_calloc(ask->a, 3 * of->gres.n + 1, sizeof *part->gres.v);
    if (per_node && is_none(per_node))
        return;
    while (per_node && part->gres.n <= 2 * of->gres.n && gres_next(&per_node, &want))
        give(ask, of, &want, count_of(&want), part);
    while (per_task && part->gres.n <= 2 * of->gres.n && gres_next(&per_task, &want))
        give(ask, of, &want, count_of(&want) * tasks, part);
    while (per_step && part->gres.n <= 2 * of->gres.n && gres_next(&per_step, &want))
        give(ask, of, &want, portion(ask, count_of(&want), tasks), part);
}
