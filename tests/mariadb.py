"""A real MariaDB server on loopback, from the programs that the operating system's package installs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.serving.server_process import until
from tests.side_by_side import free_port

PASSWORD = "only-in-the-environment"
USER = "penstock"


@dataclass
class Server:
    """A server.

    Attributes:
        folder: Its folder.
        port: Its port.
        process: Its process, while it runs.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    def sql(self, statement: str, database: str = "") -> str:
        """Runs a statement as the administrator and returns what it says, without headings."""
        client = [_program("mariadb"), "--no-defaults", "-u", "root", "-S", str(self.folder / "socket"), "-N"]
        command = [*client, *([database] if database else []), "-e", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def create(self, database: str) -> None:
        """Creates a database."""
        self.sql(f"CREATE DATABASE {database}")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        places = [f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 'socket'}"]
        net = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--pid-file={self.folder / 'pid'}"]
        quick = ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"]
        command = [*_as_server(), _program("mariadbd"), "--no-defaults", *places, *net, *quick]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers, seconds=60)

    def stop(self) -> None:
        """Stops it at once, as a crash would."""
        if self.process is not None:
            # ``runuser`` stands between: the server itself is ended by its own number.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((self.folder / "pid").read_text()), 9)
            self.process.wait(60)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return bool(self.sql("SELECT 1"))
        except subprocess.CalledProcessError:
            return False


def missing() -> str:
    """Returns why there is no server to start; empty if there is one."""
    try:
        for name in ("mariadbd", "mariadb-install-db", "mariadb"):
            _program(name)
    except FileNotFoundError:
        return "MariaDB's server programs are not installed"
    return ""


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Runs a server with one user and no database of ours."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-mariadb-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "mysql")
    install = [
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        "--skip-test-db",
    ]
    command = [*_as_server(), *install, "--auth-root-authentication-method=normal"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    server = Server(folder, free_port())
    try:
        server.start()
        for host in ("localhost", "127.0.0.1"):
            server.sql(f"CREATE USER {USER}@'{host}' IDENTIFIED BY '{PASSWORD}'")
            server.sql(f"GRANT ALL ON *.* TO {USER}@'{host}'")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError(name)
    return found


def _as_server() -> list[str]:
    """Returns what a command begins with, so that it runs as an ordinary user: MariaDB refuses to run as root."""
    return ["runuser", "-u", "mysql", "--"] if os.geteuid() == 0 else []
