#!/bin/bash
# First link of a chain: makes what the next one reads.
#SBATCH --job-name=prepare
#SBATCH --time=5
seq 1 1000 > numbers.txt
