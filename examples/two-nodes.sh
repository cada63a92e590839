#!/bin/bash
# A job over two nodes: the script runs on the first, the list names both.
#SBATCH --job-name=two-nodes
#SBATCH --nodes=2
#SBATCH --time=5
echo "I have $SLURM_JOB_NUM_NODES nodes: $(scontrol show hostnames "$SLURM_JOB_NODELIST" | paste -sd' ')"
