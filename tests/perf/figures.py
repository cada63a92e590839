"""What is measured: one row a figure, one function a group of figures.  A function gets a Side and the sizes and returns
{key: value}; it prints nothing and asserts nothing about time."""
import collections
import resource
import statistics
import subprocess
import time

from cluster import wait_for

Figure = collections.namedtuple("Figure", "key text unit more_is_better goal")

# In the order of the table.  Goals are PRODUCT section 6, as the ratio ours : theirs or as a value of ours.
FIGURES = [Figure(*row) for row in (
    ("submit_1", "durable submits, kept connection, 1 client", "1/s", True, ""),
    ("submit_4", "the same, 4 clients", "1/s", True, ""),
    ("submit_16", "the same, 16 clients", "1/s", True, "20 x"),
    ("submit_16_p50", "  its p50", "ms", False, ""),
    ("submit_16_p99", "  its p99", "ms", False, ""),
    ("submit_unique_16", "the same, each job a script of its own", "1/s", True, ""),
    ("submit_tcp_16", "the same over TCP, MUNGE and TLS (Slurm's is TCP and MUNGE always)", "1/s", True, ""),
    ("submit_client_cpu", "CPU of the client for one submit", "us", False, ""),
    ("submit_server_cpu", "CPU of all daemons for one submit", "us", False, ""),
    ("submit_ctld_cpu", "  of it slurmctld", "us", False, ""),
    ("sbatch_16", "sbatch processes, 16 at once", "1/s", True, ""),
    ("sbatch_1_p50", "one sbatch at a time, p50", "ms", False, "< 3 ms"),
    ("sbatch_1_p99", "one sbatch at a time, p99", "ms", False, ""),
    ("sbatch_cpu", "CPU for one sbatch, client and daemons together", "us", False, "1/4"),
    ("sbatch_client_cpu", "  of it the command", "us", False, ""),
    ("jobs", "no-op jobs, submit to COMPLETED, one node", "1/s", True, "10 x"),
    ("fork_exec", "  fork and exec of the same script alone", "1/s", True, "within 2 x"),
    ("job_ctld_cpu", "CPU for one job: slurmctld", "us", False, ""),
    ("job_slurmd_cpu", "CPU for one job: slurmd, slurmstepd and the script", "us", False, ""),
    ("job_other_cpu", "CPU for one job: munged, slurmdbd and its database", "us", False, ""),
    ("squeue_ms", "full squeue of all pending jobs", "ms", False, "< 150 ms"),
    ("squeue_cpu", "  CPU of the command", "ms", False, ""),
    ("job_bytes", "memory for one pending job in slurmctld", "B", False, "<= 1024 B"),
    ("restart_s", "restart of slurmctld, orderly, until it answers", "s", False, "< 1 s"),
    ("crash_s", "restart of slurmctld after kill -9, until it answers", "s", False, "< 1 s"),
    ("crash_lost", "  acknowledged jobs lost by it", "jobs", False, "0"),
)]


def spent(side, before):
    """CPU seconds of each role since `before`."""
    return {role: after - before.get(role, 0) for role, after in side.meter.seconds().items()}


def submits(side, sizes):
    """Held jobs over kept connections; CPU is taken from the 16 clients."""
    found = {}
    for clients, jobs in ((1, sizes.submits // 4), (4, sizes.submits // 2), (16, sizes.submits)):
        before = side.meter.seconds()
        r = side.submit(clients, jobs)
        found[f"submit_{clients}"] = r["per_second"]
    cpu = {role: s / r["operations"] * 1e6 for role, s in spent(side, before).items()}
    found |= {"submit_16_p50": r["p50_ms"], "submit_16_p99": r["p99_ms"],
              "submit_client_cpu": r["client_cpu_s"] / r["operations"] * 1e6,
              "submit_server_cpu": sum(cpu.values()), "submit_ctld_cpu": cpu["slurmctld"]}
    over_tcp = side.submit(16, sizes.submits // 2, "-t") if side.name == "Sluice" else r
    return found | {"submit_tcp_16": over_tcp["per_second"],
                    "submit_unique_16": side.submit(16, sizes.submits // 2, "-u")["per_second"]}


def sbatches(side, sizes):
    """sbatch as from a shell loop."""
    one = side.sbatch(1, sizes.sbatches // 4)
    before = side.meter.seconds()
    many = side.sbatch(16, sizes.sbatches)
    client = many["client_cpu_s"] / many["operations"] * 1e6
    return {"sbatch_16": many["per_second"], "sbatch_1_p50": one["p50_ms"], "sbatch_1_p99": one["p99_ms"],
            "sbatch_cpu": client + sum(spent(side, before).values()) / many["operations"] * 1e6,
            "sbatch_client_cpu": client}


def jobs(side, sizes):
    """No-op batch jobs from the first submit until the queue is empty; then the accounting must know them all."""
    before, begin = side.meter.seconds(), time.monotonic()
    n = side.submit(4, sizes.jobs, "-r")["operations"]
    if not wait_for(lambda: side.count() == 0, 120, 0.1):
        raise RuntimeError(f"{side.count()} of {n} jobs are not done after 120 s{side.cluster.logs()}")
    seconds = time.monotonic() - begin
    done = wait_for(lambda: completed(side) >= n, 30, 0.5)
    if not done:
        print(f"    sacct knows {completed(side)} COMPLETED jobs of {n}")
    cpu = {role: s / n * 1e6 for role, s in spent(side, before).items()}
    return {"jobs": n / seconds, "job_ctld_cpu": cpu.pop("slurmctld"), "job_slurmd_cpu": cpu.pop("slurmd"),
            "job_other_cpu": sum(cpu.values())}


def completed(side):
    return side.cluster.out("sacct", "-X", "-n", "-P", "-a", "-o", "state").split().count("COMPLETED")


def memory(side, sizes, start):
    """Fills the queue up; start: (jobs, KiB) from before the first pending job."""
    held = side.count("-t", "PD")
    if held < sizes.pending:
        side.submit(16, sizes.pending - held)
    now = side.count("-t", "PD")
    return {"job_bytes": (side.ctld_kib() - start[1]) * 1024 / (now - start[0]), "pending": now}


def squeue(side, _sizes):
    """Wall time and CPU of the command, median of five, output to a file that is thrown away."""
    runs = []
    for _ in range(5):
        begin, cpu = time.monotonic(), children_cpu()
        subprocess.run([side.cluster.build / "squeue"], env=side.cluster.env, stdout=subprocess.DEVNULL, check=True)
        runs.append((time.monotonic() - begin, children_cpu() - cpu))
    return {"squeue_ms": statistics.median(r[0] for r in runs) * 1e3,
            "squeue_cpu": statistics.median(r[1] for r in runs) * 1e3}


def children_cpu():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def restart(side, _sizes):
    """Orderly and by kill -9, each until a question about the last job is answered."""
    last = side.ids("-t", "PD")[-1]
    side.cluster.ctld.stop(seconds=120)
    orderly = start_again(side, last)
    before = side.count("-t", "PD")
    r = side.submit(16, 1600)
    side.cluster.ctld.kill()  # at once after the last acknowledgement
    before += r["operations"] - r["failed"]
    crashed = start_again(side, last)
    return {"restart_s": orderly, "crash_s": crashed, "crash_lost": before - side.count("-t", "PD")}


def start_again(side, job):
    c = side.cluster
    begin = time.monotonic()
    c.ctld.start()
    wait_for(lambda: c.port_open(c.ctld_port), 120, 0.005)
    if not wait_for(lambda: job in side.ids("-j", job), 120):
        raise RuntimeError("slurmctld does not answer" + c.logs())
    seconds = time.monotonic() - begin
    side.meter.watch("slurmctld", c.ctld.pid)
    return seconds
