/* Facts as data: what core_decide makes, core_apply takes and the journal keeps. */
#ifndef SCHEMA_FACT_H
#define SCHEMA_FACT_H

#include "schema/messages.h"

#define FACT(number, name, body, doc) FACT_##name = number,
enum fact_kind {
#include "schema/fact.def"
};
#undef FACT

struct fact {
    uint16_t kind;    /* enum fact_kind */
    const void *body; /* the struct that fact_desc(kind) describes; lives in the maker's arena */
};

const struct desc *fact_desc(unsigned kind); /* NULL: unknown kind */
const char *fact_name(unsigned kind);        /* "?" when unknown */

#endif
