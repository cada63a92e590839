/* The rule book as part of the core: changes as facts, and what else has to follow a change. */
#ifndef CORE_BOOK_H
#define CORE_BOOK_H

#include "schema/messages.h"

struct core;

void book_apply(struct core *c, const struct rules *change);
/* Before partitions, resources or the book change under them, and after. */
void book_let_go(struct core *c); /* no job keeps a pointer into the book */
void book_configured(struct core *c);
void book_grow_tree(struct core *c); /* the fair-share tree follows the associations */

#endif
