/* A picture of a played trace: SVG. */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include "sim/report.h"

/* Utilisation and queue over time, and a Gantt chart of the largest jobs. */
int draw_svg(const struct trace *t, const struct summary *s, const char *path, struct err *e);

#endif
