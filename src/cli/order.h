/* Sorting rows by the letters of their columns: -S "P,t,-p". */
#ifndef CLI_ORDER_H
#define CLI_ORDER_H

#include "wire/text.h"

/* Sorts an array of pointers to rows, stably.  A letter that no column has is an error naming it.
 */
int order_rows(const struct text_table *t, const char *spec, const void **rows, uint32_t n,
               struct err *e);

#endif
