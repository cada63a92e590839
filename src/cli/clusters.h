/* -M a,b: the same command to several clusters. */
#ifndef CLI_CLUSTERS_H
#define CLI_CLUSTERS_H

#include "base/arena.h"
#include "schema/messages.h"

#include <stdbool.h>

/* "all" becomes every cluster whose controller has registered; without accounting it stays. */
void clusters_expand(struct strs *list, struct arena *a);

/* Splits the work: with several clusters in the list (or "all"), each is served by a child in which
 * this returns false and the list is that one cluster; in the parent it returns true when all are
 * done, with the worst exit status.  One cluster or none: false, and nothing happens.  A cluster
 * that nobody knows is complained of by whoever opens the connection. */
bool clusters_split(const char *command, struct strs *list, struct arena *a, int *ret_status);

#endif
