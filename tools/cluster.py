"""A private cluster on loopback: its own directory, key, ports and daemons.  The demo, the cluster tests and the
benchmarks start it; nothing outside its directory is touched and only what it started is ended, by pid."""
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def free_ports(count, together=False):
    """So many TCP ports of loopback that nobody uses now, below those that the kernel gives to outgoing connections:
    a daemon that is restarted must find its port again.  together: neighbours."""
    for _ in range(1000):
        first = random.randrange(10240, 32768 - count)
        ports = range(first, first + count) if together else random.sample(range(10240, 32768), count)
        held = [socket.socket() for _ in ports]
        try:
            for s, port in zip(held, ports):
                s.bind(("127.0.0.1", port))
            return list(ports)
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise RuntimeError(f"no {count} free ports")


def wait_for(what, seconds=20.0, every=0.02):
    """The first true value of what(), or None when the time is up."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


class Daemon:
    """A process of ours: its command line, its output file, and its end by pid."""

    def __init__(self, name, argv, env, log):
        self.name, self.argv, self.env, self.log = name, [str(a) for a in argv], env, log
        self.process = None

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True)
        return self

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, signo=signal.SIGKILL):
        if self.running():
            self.process.send_signal(signo)
        if self.process:
            self.process.wait(timeout=30)

    def stop(self, seconds=10):
        """Orderly; after so many seconds by force.  Returns the exit status."""
        if self.running():
            self.process.terminate()
        if self.process is None:
            return None
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def output(self):
        return pathlib.Path(self.log).read_text(errors="replace")


class Cluster:
    """munged, slurmdbd, slurmctld and slurmd nodes.  Use as a context manager, or start() and stop()."""

    def __init__(self, build=None, nodes=4, cpus=4, memory=2000, conf="", node_conf="", partitions=None,
                 dbd=True, directory=None):
        self.build = pathlib.Path(build or os.environ.get("SLUICE_BUILD", ROOT / "build"))
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="sluice-"))
        self.node_names = [f"n{i + 1}" for i in range(nodes)]
        self.cpus, self.memory, self.with_dbd = cpus, memory, dbd
        self.extra, self.node_extra, self.partitions = conf, node_conf, partitions
        self.ctld_port, self.dbd_port, *self.node_ports = free_ports(2 + nodes)
        self.env = dict(os.environ, SLURM_CONF=str(self.dir / "slurm.conf"), LC_ALL="C.UTF-8",
                        PATH=f"{self.build}:{os.environ.get('PATH', '/usr/bin:/bin')}")
        for name in [n for n in self.env if n.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SINFO_", "SACCT_"))]:
            if name != "SLURM_CONF":
                del self.env[name]
        self.env.setdefault("ASAN_OPTIONS", "abort_on_error=0:detect_leaks=1")
        self.nodes = {}
        self.munged = self.dbd = self.ctld = None

    # -- files

    def write_files(self):
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.dir.chmod(0o755)
        for name in ("munge", "state", "spool", "dbd", "log", "out"):
            (self.dir / name).mkdir(mode=0o755, exist_ok=True)
        (self.dir / "out").chmod(0o1777)
        key = self.dir / "munge" / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        (self.dir / "slurm.conf").write_text(self.conf_text(user))
        dbd_conf = self.dir / "slurmdbd.conf"
        dbd_conf.touch(mode=0o600)
        dbd_conf.write_text(
            f"AuthType=auth/munge\nAuthInfo=socket={self.munge_socket}\nDbdHost=localhost\nDbdPort={self.dbd_port}\n"
            f"SlurmUser={user}\nStorageLoc={self.dir}/dbd/acct.db\nLogFile={self.dir}/log/slurmdbd.log\n"
            f"PidFile={self.dir}/slurmdbd.pid\n")

    @property
    def munge_socket(self):
        return self.dir / "munge" / "munge.socket"

    def conf_text(self, user):
        d = self.dir
        accounting = (f"AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n"
                      f"AccountingStoragePort={self.dbd_port}\n" if self.with_dbd else "")
        nodes = "".join(f"NodeName={n} NodeHostname=localhost NodeAddr=127.0.0.1 Port={p} CPUs={self.cpus} "
                        f"RealMemory={self.memory} {self.node_extra}\n"
                        for n, p in zip(self.node_names, self.node_ports))
        partitions = self.partitions or "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        return (f"ClusterName=demo\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort={self.ctld_port}\nSlurmUser={user}\n"
                f"AuthType=auth/munge\nAuthInfo=socket={self.munge_socket}\nStateSaveLocation={d}/state\n"
                f"SlurmdSpoolDir={d}/spool/%n\nSlurmctldPidFile={d}/slurmctld.pid\nSlurmdPidFile={d}/slurmd.%n.pid\n"
                f"SlurmctldLogFile={d}/log/slurmctld.log\nSlurmdLogFile={d}/log/slurmd.%n.log\n"
                f"SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU_Memory\nProctrackType=proctrack/linuxproc\n"
                f"SchedulerType=sched/backfill\nPriorityType=priority/basic\nSlurmdParameters=config_overrides\n"
                f"TaskPlugin=task/none\nMpiDefault=none\nMailProg=/bin/true\nDefMemPerCPU=100\nKillWait=2\n"
                f"{accounting}{self.extra}{nodes}{partitions}")

    # -- daemons

    def _daemon(self, name, *args):
        program = self.build / args[0]
        log = self.dir / "log" / f"{name}.out"
        return Daemon(name, [program, *args[1:]], self.env, log)

    def start_munged(self):
        d = self.dir / "munge"
        self.munged = self._daemon("munged", "munged", "-F", f"--key-file={d}/munge.key", f"--socket={self.munge_socket}",
                                   f"--pid-file={d}/munged.pid", f"--log-file={d}/munged.log",
                                   f"--seed-file={d}/munged.seed").start()
        self._need(self.munged, self.munge_socket.exists)

    def start_dbd(self):
        self.dbd = self._daemon("slurmdbd", "slurmdbd", "-D").start()
        self._need(self.dbd, lambda: self.port_open(self.dbd_port))

    def start_ctld(self):
        self.ctld = self._daemon("slurmctld", "slurmctld", "-D").start()
        self._need(self.ctld, lambda: self.run("scontrol", "ping", check=False).returncode == 0)

    def start_node(self, name):
        self.nodes[name] = self._daemon(f"slurmd.{name}", "slurmd", "-D", "-N", name, "-d",
                                        self.build / "slurmstepd").start()
        return self.nodes[name]

    def start(self):
        try:
            self.write_files()
            self.start_munged()
            if self.with_dbd:
                self.start_dbd()
            self.start_ctld()
            for name in self.node_names:
                self.start_node(name)
            self.wait_nodes()
        except BaseException:
            self.stop()
            raise
        return self

    def wait_nodes(self, seconds=30):
        def ready():
            states = self.out("sinfo", "-h", "-N", "-o", "%N %t").split()[1::2]
            return len(states) >= len(self.node_names) and all(s in ("idle", "mix", "alloc") for s in states)
        if not wait_for(ready, seconds):
            raise RuntimeError("nodes did not come up:\n" + self.out("sinfo", "-N", "-l") + self.logs())

    def _need(self, daemon, ready):
        if not wait_for(lambda: not daemon.running() or ready(), 20) or not daemon.running():
            raise RuntimeError(f"{daemon.name} did not start:\n{daemon.output()}{self.logs()}")

    @staticmethod
    def port_open(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def stop(self, cancel=True):
        """Ends every daemon and what jobs left, then removes the directory.  cancel=False: only pending jobs are left."""
        status = {}
        if cancel and self.ctld and self.ctld.running():
            self.run("scancel", "-u", str(os.getuid()), check=False, timeout=30)
            wait_for(lambda: not self.out("squeue", "-h"), 15)
        for daemon in [*self.nodes.values(), self.ctld, self.dbd, self.munged]:
            if daemon:
                status[daemon.name] = daemon.stop()
        if not os.environ.get("SLUICE_KEEP_DIR"):
            shutil.rmtree(self.dir, ignore_errors=True)
        return status

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    # -- use

    def run(self, *argv, check=True, timeout=60, **more):
        """Runs one of our commands (or any program) with the cluster's environment."""
        env = dict(self.env, **more.pop("env", {}))
        program = self.build / argv[0]
        line = [str(program if program.exists() else argv[0]), *map(str, argv[1:])]
        done = subprocess.run(line, env=env, capture_output=True, text=True, errors="replace",
                              timeout=timeout, cwd=more.pop("cwd", self.dir / "out"), **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(line)}: exit {done.returncode}\n{done.stdout}{done.stderr}{self.logs()}")
        return done

    def out(self, *argv, **more):
        return self.run(*argv, check=False, **more).stdout

    def sbatch(self, *argv, script=None, **more):
        """Submits; returns the job id as text."""
        more.setdefault("input", script)
        done = self.run("sbatch", "--parsable", *argv, **more)
        return done.stdout.strip().split(";")[0]

    def state(self, job):
        line = self.out("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").split()
        return line[0] if line else ""

    def wait_state(self, job, *states, seconds=60):
        states = states or ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        if not wait_for(lambda: self.state(job) in states, seconds, 0.05):
            raise AssertionError(f"job {job} is {self.state(job)!r}, not {states}\n"
                                 f"{self.out('scontrol', 'show', 'job', job)}{self.logs()}")
        return self.state(job)

    def logs(self, lines=15):
        text = ""
        for log in sorted((self.dir / "log").glob("*")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            text += f"--- {log.name}\n" + "\n".join(tail) + "\n"
        return text
