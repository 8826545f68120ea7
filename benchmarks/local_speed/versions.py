"""The code that is measured: this repository's, and that of an earlier commit beside it in the same environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local_speed.sides import child_environment, own_zygote

from foundation.errors import StorageError

REPOSITORY = Path(__file__).resolve().parents[2]


def source_of(commit: str, folder: Path) -> Path:
    """Returns a folder with the code of a commit, its byte code compiled; fetched from the repository if it is not there.

    Args:
        commit: A commit of this repository.
        folder: Where such folders are kept.

    Raises:
        StorageError: The repository does not know it.
    """
    source = folder / commit
    if not source.exists():
        packed = subprocess.run(
            ["git", "-C", str(REPOSITORY), "archive", commit], capture_output=True, check=False
        )
        if packed.returncode != 0:
            seen = packed.stderr.decode().strip()
            raise StorageError(f"commit {commit}", expected="a commit of this repository", seen=seen)
        source.mkdir(parents=True)
        subprocess.run(["tar", "-x", "-C", str(source)], input=packed.stdout, check=True)
    compile_byte_code(source)
    return source


_RUNS = 'execution = self._executor.run(request["run"])'
_COUNTS = f"""before = sum(os.times()[:4])
        {_RUNS}
        with open(os.environ["PENSTOCK_BENCHMARK_CPU"], "a", encoding="utf-8") as counted:
            counted.write(json.dumps([request["run"], sum(os.times()[:4]) - before]) + "\\n")"""


def counting_source_of(commit: str, folder: Path) -> Path:
    """Returns the code of a commit whose runs tell the CPU seconds of every node.

    A version whose records do not have them gets a timer round its worker's nodes, which appends node and seconds to the
    file that ``PENSTOCK_BENCHMARK_CPU`` names.

    Args:
        commit: A commit of this repository.
        folder: Where such folders are kept.

    Raises:
        StorageError: The repository does not know it, or there is no place for the timer.
    """
    source = source_of(commit, folder)
    if "cpu" in (source / "pipeline" / "runs" / "book.py").read_text(encoding="utf-8"):
        return source
    worker = source / "pipeline" / "runners" / "worker.py"
    text = worker.read_text(encoding="utf-8")
    if _COUNTS not in text:
        if text.count(_RUNS) != 1:
            raise StorageError(f"commit {commit}", expected=f"a worker with {_RUNS!r}", seen="none")
        worker.write_text(text.replace(_RUNS, _COUNTS), encoding="utf-8")
        compile_byte_code(source)
    return source


def compile_byte_code(source: Path) -> None:
    """Compiles what ``penstock`` imports, as set-up does."""
    packages = [str(source / name) for name in ("foundation", "components", "pipeline", "serving")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], env=child_environment(), check=True)


def penstock() -> list[str]:
    """Returns the start of a command line; which code it runs is said by its environment."""
    return [sys.executable, "-m", "pipeline.cli.main"]


def environment_of(source: Path, runtime: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment that runs the code of a folder, with a zygote of its own.

    Args:
        source: The code.
        runtime: Folder of the user's sockets; only this user's.
        more: Further variables.
    """
    return {**child_environment(source), **own_zygote(runtime), **(more or {})}
