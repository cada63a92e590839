/* HealthCheckProgram: run as root now and then; what it finds it tells with scontrol. */
#ifndef SLURMD_HEALTH_H
#define SLURMD_HEALTH_H

#include "slurmd/jobs.h"

/* Arms its timer, when there is a program. */
void health_open(struct launcher *l);

#endif
