/* One printing machine for squeue, sinfo, sacct and scontrol: rows of a table say what a column is,
 * a format says which of them to print and how wide.  Commands differ only in how they spell a
 * format. */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "schema/messages.h"

/* What printers may need beside the row. */
struct text_env {
    int64_t now;             /* the answering daemon's clock */
    const char *time_format; /* SLURM_TIME_FORMAT, may be NULL */
    const char *cluster;     /* may be NULL */
    bool noconvert;          /* --noconvert: sizes stay in the unit they came in */
    bool detail, one_line;   /* scontrol -d, -o */
    char unit;               /* --units; 0: the largest that is exact */
};

/* One value to print.  `at` is the member, `row` the whole struct for printers that look at more.
 */
struct text_cell {
    const void *row, *at;
    enum kind kind;
    const struct text_env *env;
};

typedef void (*text_printer)(const struct text_cell *cell, struct buf *out);

/* KEEP: left, and where a format asks for right, too long a value is not cut (Slurm's times). */
enum text_align { TEXT_LEFT, TEXT_RIGHT, TEXT_KEEP };

extern const char text_skip[];

#define TEXT_DIRECT SIZE_MAX /* text_column.through: the member is in the row itself */

struct text_column {
    const char *name; /* as -O, sacct -o and key=value records spell it; matched without case */
    char letter;      /* as -o spells it; 0: none */
    const char *heading;
    int width; /* when the format does not say; 0: as long as the value is */
    enum text_align align;
    size_t through; /* offset of a pointer to the struct that has the member, or TEXT_DIRECT */
    size_t offset;
    enum kind kind;
    text_printer print;
    const char *none; /* printed instead when the value is absent (0, "", not set); NULL: print it
                       * anyway; text_skip: leave the key out of the record */
    const char *help;
};

struct text_table {
    const char *noun; /* of the complaint "Invalid NOUN format specification" */
    const struct text_column *v;
    unsigned n;
};

/* The kind of a struct's member, so that a table row need not repeat it. */
#define TEXT_KIND(type, member) \
    _Generic(((struct type *)0)->member, bool: KIND_BOOL, uint32_t: KIND_U32,                \
             uint64_t: KIND_U64, int32_t: KIND_I32, int64_t: KIND_I64, double: KIND_F64,     \
             const char *: KIND_STR, struct strs: KIND_STRS, struct opt_u32: KIND_OPT_U32,   \
             struct opt_u64: KIND_OPT_U64, struct opt_i64: KIND_OPT_I64,                     \
             struct opt_bool: KIND_OPT_BOOL, default: KIND_BYTES)

/* A column as it stands in one format. */
struct text_slot {
    const struct text_column *column;
    int width;         /* 0: as long as it is */
    bool right, fit;   /* fit: text_fit widens it to the longest value */
    const char *after; /* literal text behind it */
};

struct text_format {
    const char *before; /* literal text in front of the first column */
    struct text_slot *v;
    uint32_t n;
    char cut_mark;   /* 0: cut silently; '+': the last character shown says that it was cut */
    struct strs bad; /* what no column answers to; the caller complains and goes on */
};

/* The three spellings.  All memory is the arena's; what is unknown lands in ret->bad.
 *   letters: "%.18i %9P|", squeue and sinfo -o; "%#P" asks for fit
 *   names:   "jobid:8,name:.20|", squeue and sinfo -O
 *   fields:  "jobid%-20,state", sacct -o */
void text_letters(const struct text_table *t, const char *spec, struct arena *a,
                  struct text_format *ret);
void text_names(const struct text_table *t, const char *spec, struct arena *a,
                struct text_format *ret);
void text_fields(const struct text_table *t, const char *spec, struct arena *a,
                 struct text_format *ret);

/* Widens the slots that asked for it; call for every row before the first is printed. */
void text_fit(struct text_format *f, const void *row, const struct text_env *env);

void text_header(const struct text_format *f, struct buf *out);
void text_row(const struct text_format *f, const void *row, const struct text_env *env,
              struct buf *out);
void text_rule(const struct text_format *f, struct buf *out); /* sacct's line of dashes */

/* Without widths: a row (NULL: the headings) as a|b|c, ended by the separator too when `trailing`.
 */
void text_parsable(const struct text_format *f, const void *row, const struct text_env *env,
                   const char *separator, bool trailing, struct buf *out);

const struct text_column *text_find(const struct text_table *t,
                                    const char *name); /* NULL: unknown */
const struct text_column *text_find_letter(const struct text_table *t, char letter);
void text_cell_print(const struct text_column *c, const void *row, const struct text_env *env,
                     struct buf *out);

/* A record: the table's rows in order as Key=Value.  A row whose heading is "\n" starts a line (its
 * name is put at the end of the line before); with heading "" the value stands alone.  A row whose
 * `none` is text_skip is left out when it is absent, a line with nothing on it too.  env->one_line:
 * lines are joined by a blank. */
void text_record(const struct text_table *t, const void *row, const struct text_env *env,
                 struct buf *out);

/* Splits "Key=Value", "Key+=Value", "Key-=Value".  -EINVAL when there is no '=' or no key. */
int text_key_value(const char *word, struct arena *a, struct key_value *ret);

/* Printers that know nothing of jobs. */
void print_value(const struct text_cell *cell, struct buf *out);  /* as it is */
void print_yes_no(const struct text_cell *cell, struct buf *out); /* YES, NO */
void print_time(const struct text_cell *cell,
                struct buf *out); /* a point in time, SLURM_TIME_FORMAT */
void print_minutes(const struct text_cell *cell, struct buf *out); /* 1:00:00, UNLIMITED (squeue) */
void print_limit(const struct text_cell *cell,
                 struct buf *out); /* 01:00:00, UNLIMITED (scontrol) */
void print_seconds(const struct text_cell *cell, struct buf *out); /* 01:00:00 */
void print_size_mb(const struct text_cell *cell, struct buf *out); /* 4000M, 4G */
void print_count(const struct text_cell *cell, struct buf *out);   /* UNLIMITED for UINT32_MAX */
void print_null(const struct text_cell *cell,
                struct buf *out);                             /* (null), whatever the member says */
void print_na(const struct text_cell *cell, struct buf *out); /* N/A */
void print_nothing(const struct text_cell *cell, struct buf *out);
void print_user(const struct text_cell *cell, struct buf *out);        /* name of a uid */
void print_group(const struct text_cell *cell, struct buf *out);       /* name of a gid */
void print_wait_status(const struct text_cell *cell, struct buf *out); /* 1:0, 0:9 */

int64_t text_number(enum kind kind,
                    const void *at); /* any numeric member; 0 for the others and for NULL */
bool text_absent(enum kind kind, const void *at);
void text_size(double value, char unit, const struct text_env *env,
               struct buf *out); /* 4096 'M' -> 4G */

#endif
