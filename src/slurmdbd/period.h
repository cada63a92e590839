/* Hours, days and months in the site's time zone, and how a window is covered by them. */
#ifndef SLURMDBD_PERIOD_H
#define SLURMDBD_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_MONTH, PERIOD_COUNT };

int64_t period_start(enum period p, int64_t t); /* of the one that t lies in */
int64_t period_next(enum period p, int64_t start);

/* The start of the period n before the one that t lies in. */
int64_t period_back(enum period p, int64_t t, unsigned n);
/* "12months", "30days", "24hours", "12": months.  False: it is none of these, or nothing. */
bool period_parse(const char *text, enum period *ret, unsigned *ret_n);

/* A stretch of whole periods of one kind. */
struct span {
    enum period period;
    int64_t from, to;
};

/* Covers [from, to), both on the hour, with as few rows as can be: months within, days around them,
 * hours at the ends.  At most SPANS_MAX. */
#define SPANS_MAX 8u
unsigned period_cover(int64_t from, int64_t to, struct span *ret);

#endif
