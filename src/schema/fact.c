/* The table of facts; rows in fact.def. */
#include "schema/fact.h"

struct fact_row {
    uint16_t kind;
    const char *name;
    const struct desc *body;
};

#define FACT(number, name, body, doc) { number, #name, &desc_##body },
static const struct fact_row rows[] = {
#include "schema/fact.def"
};
#undef FACT

static const struct fact_row *find(unsigned kind)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == kind)
            return &rows[i];
    return NULL;
}

const struct desc *fact_desc(unsigned kind)
{
    const struct fact_row *row = find(kind);

    return row ? row->body : NULL;
}

const char *fact_name(unsigned kind)
{
    const struct fact_row *row = find(kind);

    return row ? row->name : "?";
}
