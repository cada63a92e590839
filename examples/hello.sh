#!/bin/bash
# The smallest job: says where it ran.
#SBATCH --job-name=hello
#SBATCH --time=5
echo "Hello from job $SLURM_JOB_ID on $(hostname), node $SLURMD_NODENAME, $SLURM_CPUS_ON_NODE CPUs."
