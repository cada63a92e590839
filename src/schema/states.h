/* Job states as Slurm's users see them. */
#ifndef SCHEMA_STATES_H
#define SCHEMA_STATES_H

#include <stdbool.h>
#include <stdint.h>

#define STATE(name, number, text, brief) STATE_##name = number,
#define FLAG(name, bit, text, brief)
enum job_state {
#include "schema/states.def"
};
#undef STATE
#undef FLAG
#define STATE(name, number, text, brief)
#define FLAG(name, bit, text, brief) STATE_FLAG_##name = 1u << bit,
enum job_state_flag {
#include "schema/states.def"
};
#undef STATE
#undef FLAG

const char *state_long(uint32_t state,
                       uint32_t flags); /* "COMPLETING"; an unknown number gives "?" */
const char *state_short(uint32_t state, uint32_t flags);
/* Long or short name in any case: fills base (flag == 0) or flag.  False when nobody knows it. */
bool state_parse(const char *text, uint32_t *ret_state, uint32_t *ret_flag);

#endif
