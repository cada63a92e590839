/* Making facts about nodes (report.c); deciding functions share these. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/state.h"

struct node_record
node_record_of(const struct node *n); /* the present record, to be changed and put into a fact */
void put_node(struct turn *t, const struct node_record *rec, const char *event);

#endif
