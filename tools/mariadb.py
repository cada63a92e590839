"""A private MariaDB under a folder: own data, own socket, no network; ended by pid."""
import os
import pathlib
import pwd
import shutil
import subprocess

from cluster import Daemon, wait_for

PROGRAM = "/usr/sbin/mariadbd"


def is_there():
    return os.access(PROGRAM, os.X_OK)


class MariaDB:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.data, self.socket = self.dir / "data", self.dir / "sql.socket"
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.server = None

    def create(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db", f"--user={self.user}",
                        "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        return self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.server = Daemon("mariadbd", [PROGRAM, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                          "--skip-networking", f"--user={self.user}", "--innodb-buffer-pool-size=64M"],
                             dict(os.environ), self.dir / "mariadbd.out").start()
        if not wait_for(lambda: not self.server.running() or self.ask("SELECT 1") == "1", 30) or not self.server.running():
            raise RuntimeError(self.server.output())
        return self

    def ask(self, statement, database=""):
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-N", "-B", "-e", statement,
                               *([database] if database else [])], capture_output=True, text=True)
        return done.stdout.strip()

    def kill(self):
        self.server.kill()

    def stop(self):
        if self.server:
            self.server.stop(30)

    def save(self, name):
        """A copy of the data as it is on disk while the server is down."""
        shutil.copytree(self.data, self.dir / name)

    def restore(self, name):
        shutil.rmtree(self.data)
        shutil.copytree(self.dir / name, self.data)
