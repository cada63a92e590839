"""The lines of slurmctld.log that administrators and their scripts know."""
import re


def test_submit_and_allocate_lines(shared):
    job = shared.sbatch("-N3", "-o", "/dev/null", script="#!/bin/sh\ntrue\n")
    shared.wait_state(job)
    log = (shared.dir / "log" / "slurmctld.log").read_text()
    took = re.search(rf"_slurm_rpc_submit_batch_job: JobId={job} InitPrio=\d+ usec=(\d+)\n", log)
    assert took and int(took[1]) > 0, log
    nodes = re.search(rf"sched: Allocate JobId={job} NodeList=(\S+) #CPUs=3 Partition=main\n", log)
    assert nodes and re.fullmatch(r"n\[[1-4][-,][1-4](,[1-4])?\]", nodes[1]), log
    shown = re.search(r" NodeList=(\S+)", shared.out("scontrol", "show", "job", job))
    assert shown[1] == nodes[1]
