"""A real PostgreSQL server on loopback, from the programs that the operating system's package installs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.side_by_side import free_port

PASSWORD = "only-in-the-environment"
USER = "penstock"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: Its port.
        pg_ctl: The command that stops and starts it, without the verb.
        options: The server's own options.
    """

    port: int
    pg_ctl: tuple[str, ...]
    options: str

    def url(self, database: str) -> str:
        """Returns the URL of a database."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> None:
        """Creates a database."""
        program = str(Path(self.pg_ctl[0]).parent / "createdb")
        create = [program, "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, database]
        subprocess.run(create, check=True, env={**os.environ, "PGPASSWORD": PASSWORD}, timeout=60)

    def sql(self, statement: str, database: str) -> str:
        """Runs a statement and returns what it says, without headings."""
        program = str(Path(self.pg_ctl[0]).parent / "psql")
        ask = [program, "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-tAc", statement, database]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        done = subprocess.run(ask, check=True, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout

    def start(self) -> None:
        """Starts it."""
        _as_server(*self.pg_ctl, "-o", self.options, "start")

    def stop(self) -> None:
        """Stops it at once, as a crash would."""
        _as_server(*self.pg_ctl, "-m", "immediate", "stop")


def missing() -> str:
    """Returns why there is no server to start; empty if there is one."""
    return "" if _binaries() else "PostgreSQL's server programs are not installed"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Runs a server with one user and no database of ours."""
    binaries = _binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="penstock-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    port, data, secret = free_port(), folder / "data", folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", USER]
    _as_server(*initdb, "--auth=scram-sha-256", f"--pwfile={secret}")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    server = Server(
        port, (str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")), options
    )
    server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(AssertionError):  # it may be stopped already
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _as_server(*command: str) -> None:
    """Runs a command as an ordinary user: PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}{_log_of(command)}"


def _log_of(command: tuple[str, ...]) -> str:
    """Returns what the server wrote, where the command says where: ``pg_ctl`` only says that it did not start."""
    log = Path(command[command.index("-l") + 1]) if "-l" in command else None
    return log.read_text() if log and log.exists() else ""
