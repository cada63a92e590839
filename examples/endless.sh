#!/bin/bash
# Would run for ever; somebody cancels it: sacct shows CANCELLED by UID.
#SBATCH --job-name=endless
#SBATCH --time=1:00:00
sleep infinity
