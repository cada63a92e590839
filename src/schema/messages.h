/* Rows to structs: the first half of the only clever macros in the tree (the second is messages.c).
 * `MSG(job_id, ...) F(1, U32, job_id, ...) END(job_id)` becomes `struct job_id { uint32_t job_id;
 * };` */
#ifndef SCHEMA_MESSAGES_H
#define SCHEMA_MESSAGES_H

#include "schema/desc.h"

struct bytes {
    const uint8_t *p;
    uint32_t len;
};

struct strs {
    const char **v;
    uint32_t n;
};

struct u32s {
    uint32_t *v;
    uint32_t n;
};

struct opt_bool {
    bool set, v;
};

struct opt_u32 {
    bool set;
    uint32_t v;
};

struct opt_u64 {
    bool set;
    uint64_t v;
};

struct opt_i64 {
    bool set;
    int64_t v;
};

typedef bool kind_BOOL;
typedef uint32_t kind_U32;
typedef uint64_t kind_U64;
typedef int32_t kind_I32;
typedef int64_t kind_I64;
typedef double kind_F64;
typedef const char *kind_STR;
typedef struct bytes kind_BYTES;
typedef struct strs kind_STRS;
typedef struct u32s kind_U32S;
typedef struct opt_bool kind_OPT_BOOL;
typedef struct opt_u32 kind_OPT_U32;
typedef struct opt_u64 kind_OPT_U64;
typedef struct opt_i64 kind_OPT_I64;

/* clang-format off: it cannot see that these macros open and close one scope together. */
#define MSG(type, doc) struct type {
#define F(tag, kind, member, json, doc) kind_##kind member;
#define ONE(tag, type, member, json, doc) struct type *member;
#define LIST(tag, type, member, json, doc) \
    struct {                               \
        struct type *v;                    \
        uint32_t n;                        \
    } member;
#define GONE(tag)
#define END(type) };
#include "schema/msg/all.def"
#undef MSG
#undef F
#undef ONE
#undef LIST
#undef GONE
#undef END

#define MSG(type, doc) extern const struct desc desc_##type;
#define F(tag, kind, member, json, doc)
#define ONE(tag, type, member, json, doc)
#define LIST(tag, type, member, json, doc)
#define GONE(tag)
#define END(type)
#include "schema/msg/all.def"
#undef MSG
#undef F
#undef ONE
#undef LIST
#undef GONE
#undef END

/* clang-format on */

/* Every message, for tests and tools that walk all of them. */
extern const struct desc *const all_descs[];
extern const unsigned all_descs_count;

#endif
