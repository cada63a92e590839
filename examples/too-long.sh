#!/bin/bash
# Sleeps past its limit and is stopped: sacct shows TIMEOUT.  (Limits count in whole minutes, as in Slurm; the demo
# moves the end nearer with scontrol update EndTime=, so that nobody has to wait for one.)
#SBATCH --job-name=too-long
#SBATCH --time=1
sleep 300
