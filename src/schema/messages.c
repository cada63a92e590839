/* Rows to descriptors: the second half of the clever macros.  What comes out is constant data, so a
 * debugger steps through ordinary loops in wire/.
 *
 * A row does not repeat its message's name, yet offsetof needs it: so each table lives in a
 * function whose first line says what `here` is. */
#include "schema/messages.h"

#include <string.h>

/* clang-format off: it cannot see that these macros open and close one scope together. */

/* How many fields each message has. */
#define MSG(type, doc) enum { count_##type = 0
#define F(tag, kind, member, json, doc) +1
#define ONE(tag, type, member, json, doc) +1
#define LIST(tag, type, member, json, doc) +1
#define GONE(tag)
#define END(type) };
#include "schema/msg/all.def"
#undef MSG
#undef F
#undef ONE
#undef LIST
#undef END

/* The tables. */
#define MSG(type, doc)                                    \
    static const struct field *fields_##type(void)        \
    {                                                     \
        typedef struct type here __attribute__((unused)); \
        static const struct field f[] = {
#define F(tag, kind, member, json, doc) \
    { tag, KIND_##kind, offsetof(here, member), #member, json, doc, NULL },
#define ONE(tag, type, member, json, doc) \
    { tag, KIND_ONE, offsetof(here, member), #member, json, doc, &desc_##type },
#define LIST(tag, type, member, json, doc) \
    { tag, KIND_LIST, offsetof(here, member), #member, json, doc, &desc_##type },
#define END(type) \
        };        \
        return f; \
    }
#include "schema/msg/all.def"
#undef MSG
#undef F
#undef ONE
#undef LIST
#undef END

/* The descriptors. */
#define MSG(type, doc)                                                                \
    const struct desc desc_##type = { #type, doc, sizeof(struct type), fields_##type, \
                                      count_##type };
#define F(tag, kind, member, json, doc)
#define ONE(tag, type, member, json, doc)
#define LIST(tag, type, member, json, doc)
#define END(type)
#include "schema/msg/all.def"
#undef MSG

/* The list of all of them. */
#define MSG(type, doc) &desc_##type,
const struct desc *const all_descs[] = {
#include "schema/msg/all.def"
};
#undef MSG
#undef F
#undef ONE
#undef LIST
#undef GONE
#undef END
const unsigned all_descs_count = sizeof all_descs / sizeof all_descs[0];

/* clang-format on */

/* Looks a member up by its name; NULL when the message has no such member. */
const struct field *desc_field(const struct desc *d, const char *name)
{
    const struct field *fields = d->fields();

    for (unsigned i = 0; i < d->count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}
