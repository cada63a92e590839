/* Printers of values that every command shares. */
#include "wire/text.h"

#include "base/times.h"

#include <grp.h>
#include <inttypes.h>
#include <math.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

int64_t text_number(enum kind kind, const void *at)
{
    if (!at)
        return 0;
    switch (kind) {
    case KIND_BOOL:
        return *(const bool *)at;
    case KIND_U32:
        return *(const uint32_t *)at;
    case KIND_U64:
        return (int64_t) * (const uint64_t *)at;
    case KIND_I32:
        return *(const int32_t *)at;
    case KIND_I64:
        return *(const int64_t *)at;
    case KIND_OPT_BOOL:
        return ((const struct opt_bool *)at)->v;
    case KIND_OPT_U32:
        return ((const struct opt_u32 *)at)->v;
    case KIND_OPT_U64:
        return (int64_t)((const struct opt_u64 *)at)->v;
    case KIND_OPT_I64:
        return ((const struct opt_i64 *)at)->v;
    default:
        return 0;
    }
}

bool text_absent(enum kind kind, const void *at)
{
    if (!at)
        return true;
    switch (kind) {
    case KIND_STR:
        return !*(const char *const *)at || !**(const char *const *)at;
    case KIND_STRS:
        return ((const struct strs *)at)->n == 0;
    case KIND_F64:
        return fpclassify(*(const double *)at) == FP_ZERO;
    case KIND_BYTES:
        return false; /* a computed column: its printer decides */
    case KIND_OPT_BOOL:
        return !((const struct opt_bool *)at)->set;
    case KIND_OPT_U32:
        return !((const struct opt_u32 *)at)->set;
    case KIND_OPT_U64:
        return !((const struct opt_u64 *)at)->set;
    case KIND_OPT_I64:
        return !((const struct opt_i64 *)at)->set;
    default:
        return text_number(kind, at) == 0;
    }
}

void print_value(const struct text_cell *cell, struct buf *out)
{
    if (cell->kind == KIND_STR) {
        const char *s = *(const char *const *)cell->at;

        buf_puts(out, s ? s : "");
    } else if (cell->kind == KIND_STRS) {
        const struct strs *list = cell->at;

        for (uint32_t i = 0; i < list->n; i++)
            buf_printf(out, "%s%s", i ? "," : "", list->v[i]);
    } else if (cell->kind == KIND_F64) {
        buf_printf(out, "%.2f", *(const double *)cell->at);
    } else {
        buf_printf(out, "%" PRId64, text_number(cell->kind, cell->at));
    }
}

void print_yes_no(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, text_number(cell->kind, cell->at) ? "YES" : "NO");
}

void print_time(const struct text_cell *cell, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_point(text_number(cell->kind, cell->at), cell->env->now,
                              cell->env->time_format, "Unknown", text));
}

void print_minutes(const struct text_cell *cell, struct buf *out)
{
    int64_t minutes = text_number(cell->kind, cell->at);
    char text[TIMES_TEXT];

    buf_puts(out, minutes == TIMES_INFINITE ? "UNLIMITED" : times_elapsed(minutes * 60, text));
}

void print_limit(const struct text_cell *cell, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_minutes((uint32_t)text_number(cell->kind, cell->at), text));
}

void print_seconds(const struct text_cell *cell, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_hms(text_number(cell->kind, cell->at), text));
}

void print_size_mb(const struct text_cell *cell, struct buf *out)
{
    text_size((double)text_number(cell->kind, cell->at), 'M', cell->env, out);
}

void print_count(const struct text_cell *cell, struct buf *out)
{
    if (text_number(cell->kind, cell->at) == UINT32_MAX)
        buf_puts(out, "UNLIMITED");
    else
        print_value(cell, out);
}

void print_wait_status(const struct text_cell *cell, struct buf *out)
{
    int status = (int)text_number(cell->kind, cell->at);

    buf_printf(out, "%d:%d", WEXITSTATUS(status), WTERMSIG(status));
}

void print_null(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "(null)");
}

void print_na(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "N/A");
}

void print_nothing(const struct text_cell *cell, struct buf *out)
{
}

void print_user(const struct text_cell *cell, struct buf *out)
{
    const struct passwd *user = getpwuid((uid_t)text_number(cell->kind, cell->at));

    if (user)
        buf_puts(out, user->pw_name);
    else
        print_value(cell, out);
}

void print_group(const struct text_cell *cell, struct buf *out)
{
    const struct group *group = getgrgid((gid_t)text_number(cell->kind, cell->at));

    if (group)
        buf_puts(out, group->gr_name);
    else
        print_value(cell, out);
}

static bool is_whole(double value)
{
    return value - (double)(int64_t)value < 1e-9;
}

/* Without --units a size moves to a larger unit only while nothing is lost: 4096M is 4G, 4000M
 * stays. */
void text_size(double value, char unit, const struct text_env *env, struct buf *out)
{
    static const char units[] = "KMGTP";
    const char *at = strchr(units, unit);
    const char *want = env->unit ? strchr(units, env->unit) : NULL;

    for (; want && at && at < want; at++)
        value /= 1024;
    for (; want && at && at > want; at--)
        value *= 1024;
    while (!want && !env->noconvert && at && at[1] && value >= 1024 && is_whole(value / 1024)) {
        value /= 1024;
        at++;
    }
    if (value <= 0)
        buf_puts(out, "0");
    else if (is_whole(value))
        buf_printf(out, "%.0f%c", value, at ? *at : unit);
    else
        buf_printf(out, "%.2f%c", value, at ? *at : unit);
}
