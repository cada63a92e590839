/* Job states as words; rows in states.def. */
#include "schema/states.h"

#include <stddef.h>
#include <strings.h>

struct row {
    uint32_t value;
    const char *text, *brief;
};

#define STATE(name, number, text, brief) { number, text, brief },
#define FLAG(name, bit, text, brief)
static const struct row states[] = {
#include "schema/states.def"
};
#undef STATE
#undef FLAG
#define STATE(name, number, text, brief)
#define FLAG(name, bit, text, brief) { 1u << bit, text, brief },
static const struct row flag_rows[] = {
#include "schema/states.def"
};
#undef STATE
#undef FLAG

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The first flag in display order wins over the base state. */
static const struct row *shown(uint32_t state, uint32_t flags)
{
    static const struct row unknown = { 0, "?", "?" };

    for (size_t i = 0; i < COUNT(flag_rows); i++)
        if (flags & flag_rows[i].value)
            return &flag_rows[i];
    return state < COUNT(states) ? &states[state] : &unknown;
}

const char *state_long(uint32_t state, uint32_t flags)
{
    return shown(state, flags)->text;
}

const char *state_short(uint32_t state, uint32_t flags)
{
    return shown(state, flags)->brief;
}

static const struct row *named(const struct row *rows, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(rows[i].text, text) == 0 || strcasecmp(rows[i].brief, text) == 0)
            return &rows[i];
    return NULL;
}

bool state_parse(const char *text, uint32_t *ret_state, uint32_t *ret_flag)
{
    const struct row *base = named(states, COUNT(states), text);
    const struct row *flag = named(flag_rows, COUNT(flag_rows), text);

    if (!base && !flag)
        return false;
    *ret_state = base ? base->value : 0;
    *ret_flag = base ? 0 : flag->value;
    return true;
}
