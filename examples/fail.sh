#!/bin/bash
# Fails with exit code 3: sacct shows FAILED and 3:0.
#SBATCH --job-name=fail
#SBATCH --time=5
echo "about to fail" >&2
exit 3
