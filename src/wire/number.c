/* Numeric members as one 64-bit value; number.h says who needs that. */
#include "wire/number.h"

#include "schema/messages.h"

#include <assert.h>

bool number_is(const struct field *f)
{
    switch ((enum kind)f->kind) {
    case KIND_F64:
    case KIND_STR:
    case KIND_BYTES:
    case KIND_STRS:
    case KIND_U32S:
    case KIND_ONE:
    case KIND_LIST:
        return false;
    default:
        return true;
    }
}

bool number_is_signed(const struct field *f)
{
    return f->kind == KIND_I32 || f->kind == KIND_I64 || f->kind == KIND_OPT_I64;
}

bool number_is_optional(const struct field *f)
{
    return f->kind == KIND_OPT_BOOL || f->kind == KIND_OPT_U32 || f->kind == KIND_OPT_U64 ||
           f->kind == KIND_OPT_I64;
}

bool number_get(const struct field *f, const void *p, uint64_t *ret)
{
    switch ((enum kind)f->kind) {
    case KIND_BOOL:
        return (*ret = *(const bool *)p) != 0;
    case KIND_U32:
        return (*ret = *(const uint32_t *)p) != 0;
    case KIND_I32:
        return (*ret = (uint64_t)(int64_t) * (const int32_t *)p) != 0;
    case KIND_U64:
    case KIND_I64:
        return (*ret = *(const uint64_t *)p) != 0;
    case KIND_OPT_BOOL:
        *ret = ((const struct opt_bool *)p)->v;
        return ((const struct opt_bool *)p)->set;
    case KIND_OPT_U32:
        *ret = ((const struct opt_u32 *)p)->v;
        return ((const struct opt_u32 *)p)->set;
    case KIND_OPT_U64:
        *ret = ((const struct opt_u64 *)p)->v;
        return ((const struct opt_u64 *)p)->set;
    case KIND_OPT_I64:
        *ret = (uint64_t)((const struct opt_i64 *)p)->v;
        return ((const struct opt_i64 *)p)->set;
    default:
        return false;
    }
}

void number_set(const struct field *f, void *p, uint64_t v)
{
    switch ((enum kind)f->kind) {
    case KIND_BOOL:
        *(bool *)p = v != 0;
        break;
    case KIND_U32:
    case KIND_I32:
        *(uint32_t *)p = (uint32_t)v;
        break;
    case KIND_U64:
    case KIND_I64:
        *(uint64_t *)p = v;
        break;
    case KIND_OPT_BOOL:
        *(struct opt_bool *)p = (struct opt_bool){ true, v != 0 };
        break;
    case KIND_OPT_U32:
        *(struct opt_u32 *)p = (struct opt_u32){ true, (uint32_t)v };
        break;
    case KIND_OPT_U64:
        *(struct opt_u64 *)p = (struct opt_u64){ true, v };
        break;
    case KIND_OPT_I64:
        *(struct opt_i64 *)p = (struct opt_i64){ true, (int64_t)v };
        break;
    default:
        assert(false && "not a number");
    }
}
