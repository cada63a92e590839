/* Every time syntax of Slurm, both directions (contracts/slurm.md section 1). */
#ifndef BASE_TIMES_H
#define BASE_TIMES_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define TIMES_INFINITE UINT32_MAX /* minutes or seconds: UNLIMITED, INFINITE, -1 */

/* "30", "30:15", "1:30:00", "2-12", "2-12:30", "2-12:30:15", "UNLIMITED", "INFINITE", "-1".
 * "0:86400" (large parts) is accepted.  Minutes are rounded up from seconds as Slurm does. */
int times_parse_minutes(const char *s, uint32_t *ret_min, struct err *e);
int times_parse_seconds(const char *s, uint32_t *ret_s, struct err *e);

/* Points in time: HH:MM[:SS][AM|PM], MMDDYY, MM/DD[/YY], MM.DD[.YY], YYYY-MM-DD[THH:MM[:SS]],
 * midnight, noon, elevenses, fika, teatime, today, tomorrow, now[+N[unit]], date and time in two
 * words or joined by T or '-'. `past` says which way a bare time of day resolves: for begin times
 * the next one, for sacct the last one. */
int times_parse_point(const char *s, int64_t now, int past, int64_t *ret, struct err *e);

/* Slurm's renderings.  buf holds at least TIMES_TEXT bytes; the buffer is returned. */
#define TIMES_TEXT 64
char *times_minutes(uint32_t min, char *buf); /* [D-]HH:MM:SS or UNLIMITED */
char *times_elapsed(int64_t s, char *buf);    /* squeue's TIME: [D-][H:]M:SS, "0:00" */
char *times_hms(int64_t s, char *buf);        /* sacct's: [D-]HH:MM:SS */
char *times_iso(int64_t t, char *buf);        /* YYYY-MM-DDTHH:MM:SS local; 0 gives "Unknown" */
/* Honours SLURM_TIME_FORMAT given as fmt (NULL, "standard": ISO; "relative"; strftime). zero: text
 * for t == 0. */
char *times_point(int64_t t, int64_t now, const char *fmt, const char *zero, char *buf);

/* Sizes: "4000", "4G", "1.5T"; result in MiB, rounded up; plain numbers are MiB unless `unit` says
 * ('K','M','G'). */
int times_parse_size_mb(const char *s, char unit, uint64_t *ret_mb, struct err *e);

#endif
