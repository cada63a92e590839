#!/bin/bash
# Twenty tasks of one kind, at most eight at once; each knows its index.
#SBATCH --job-name=array
#SBATCH --array=1-20%8
#SBATCH --time=5
echo "task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT: $((SLURM_ARRAY_TASK_ID * SLURM_ARRAY_TASK_ID))"
