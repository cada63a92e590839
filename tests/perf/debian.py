"""Debian's Slurm 22.05 as a private cluster, to be measured beside ours in the same run: own munged, MariaDB, slurmdbd,
slurmctld and slurmd under one temporary directory, on ports that nobody uses, ended by pid.  The configuration is the
vendor's advice for high throughput; contracts/testbed.md section (e) says why each odd line is there."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cluster import Cluster, Daemon, free_ports, wait_for  # noqa: E402

# What we call it: where Debian has it.  The daemons look at their own name, so they are started under the plain one.
PROGRAMS = {
    "slurmctld": "/usr/sbin/slurmctld-wlm", "slurmd": "/usr/sbin/slurmd-wlm", "slurmstepd": "/usr/sbin/slurmstepd-wlm",
    "slurmdbd": "/usr/sbin/slurmdbd", "munged": "/usr/sbin/munged", "mariadbd": "/usr/sbin/mariadbd",
    **{name: f"/usr/bin/{name}" for name in ("sbatch", "squeue", "sinfo", "scancel", "scontrol", "sacct", "sacctmgr")},
}
CTLD_PORTS = 8

FAST = ("SchedulerParameters=defer,batch_sched_delay=1,sched_min_interval=100000,default_queue_depth=1000,max_rpc_cnt=150,"
        "bf_interval=60,bf_max_job_test=200,bf_continue\n"
        "MaxJobCount=300000\nMinJobAge=10\nSlurmctldDebug=error\nSlurmdDebug=error\n")


def missing():
    """What of Debian's Slurm is not installed, as text; empty when all is there."""
    return " ".join(sorted({path for path in PROGRAMS.values() if not os.access(path, os.X_OK)}))


class Debian(Cluster):
    """The same handles as our Cluster; only files and starting differ."""

    def __init__(self, **more):
        super().__init__(**more)
        self.build = self.dir / "bin"
        self.env["PATH"] = f"{self.build}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        self.ctld_port = free_ports(CTLD_PORTS, together=True)[0]
        self.sql_port = free_ports(1)[0]
        self.sql = None

    def write_files(self):
        self.build.mkdir(exist_ok=True)
        for name, path in PROGRAMS.items():
            (self.build / name).symlink_to(path)
        super().write_files()
        with (self.dir / "slurmdbd.conf").open("a") as conf:
            conf.write(f"StorageType=accounting_storage/mysql\nStorageHost=127.0.0.1\nStoragePort={self.sql_port}\n"
                       f"StorageUser=slurm\nStoragePass=slurm\nCommitDelay=1\nDebugLevel=error\n")
        text = (self.dir / "slurmdbd.conf").read_text()
        (self.dir / "slurmdbd.conf").write_text(text.replace(f"StorageLoc={self.dir}/dbd/acct.db", "StorageLoc=acct"))

    def conf_text(self, user):
        text = super().conf_text(user).replace(
            f"SlurmctldPort={self.ctld_port}\n", f"SlurmctldPort={self.ctld_port}-{self.ctld_port + CTLD_PORTS - 1}\n")
        return f"{FAST}AccountingStoragePass={self.munge_socket}\n{text}"

    def start_sql(self):
        """An empty MariaDB with its own defaults (each commit synced) and the buffer that slurmdbd asks for."""
        data, log = self.dir / "sql", self.dir / "log" / "mariadbd.out"
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", f"--user={self.user}",
                        "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        admin = self.dir / "sql.socket"
        self.sql = Daemon("mariadbd", [PROGRAMS["mariadbd"], "--no-defaults", f"--datadir={data}", f"--socket={admin}",
                                       f"--port={self.sql_port}", "--bind-address=127.0.0.1", f"--user={self.user}",
                                       "--innodb-buffer-pool-size=512M", "--innodb-lock-wait-timeout=900"],
                          self.env, log).start()
        self._need(self.sql, lambda: self.port_open(self.sql_port))
        subprocess.run(["mariadb", "--no-defaults", f"--socket={admin}", "-u", "root", "-e",
                        "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm'; CREATE USER slurm@localhost IDENTIFIED BY 'slurm';"
                        "GRANT ALL ON acct.* TO slurm@'127.0.0.1'; GRANT ALL ON acct.* TO slurm@localhost"], check=True)

    @property
    def user(self):
        return "root" if os.geteuid() == 0 else os.environ.get("USER", "")

    def start_dbd(self):
        self.start_sql()
        super().start_dbd()
        for what in (["cluster", "demo"], ["account", "all"], ["user", self.user, "account=all"]):
            if not wait_for(lambda: self.run("sacctmgr", "-i", "add", *what, check=False).returncode == 0, 10, 0.2):
                raise RuntimeError(f"sacctmgr add {what} failed{self.logs()}")

    def stop(self, **more):
        try:
            return super().stop(**more)
        finally:
            if self.sql:
                self.sql.stop()
            if not os.environ.get("SLUICE_KEEP_DIR"):
                shutil.rmtree(self.dir, ignore_errors=True)


def main():
    """By hand: a private Debian cluster, until Enter is pressed."""
    if missing():
        sys.exit(f"not installed: {missing()}")
    with Debian(nodes=1) as c:
        print(f"export SLURM_CONF={c.dir}/slurm.conf PATH={c.build}:$PATH  # on {socket.gethostname()}")
        sys.stdin.readline()


if __name__ == "__main__":
    main()
