"""The base of engines that Beam reaches through a job server."""

from __future__ import annotations

import os
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from foundation.errors import SpecError
from foundation.temporaries import private_folder, sweep
from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine
from pipeline.engines.portable import java, maven
from pipeline.engines.portable.jars import Jars
from pipeline.engines.portable.loopback import write_jar
from pipeline.engines.portable.pool import worker_pool
from pipeline.engines.portable.server import job_server
from pipeline.nodes import NODES
from pipeline.preflight.remarks import Remark

RUNNER = "pipeline.engines.portable.runner.PortableRunner"
FOLDER = "penstock-beam"
"""Name of the temporary folder of an embedded job server."""
KEPT_MILLISECONDS = 60_000
"""How long an idle worker is kept: Spark would start new ones for every stage, each of which loads TensorFlow."""
MOST_WORKERS = 8


class PortableEngine(Engine):
    """An engine behind a job server: one of our own with a cluster in it, one of our own for a cluster, or a given one."""

    main: ClassVar[str]
    """The job server's class."""
    master_option: ClassVar[str]
    """The Beam option that names the cluster."""

    @abstractmethod
    def embedded(self, workers: int) -> str:
        """Returns the name of a cluster within the job server.

        Args:
            workers: How many workers it has.
        """

    @abstractmethod
    def is_embedded(self, master: str) -> bool:
        """Returns whether a name is that of a cluster within the job server."""

    @abstractmethod
    def server_arguments(self, master: str, folder: Path) -> list[str]:
        """Returns the job server's own arguments.

        Args:
            master: The cluster.
            folder: A folder for its files.
        """

    def properties(self, master: str) -> dict[str, str]:
        """Returns Java's properties for the job server.

        Args:
            master: The cluster.
        """
        return {}

    def check(self, run: RunConfig, context: Context) -> list[Remark]:
        """Looks for Java, jars and, for a real cluster, how it starts Python; see ``Engine.check``."""
        args = run.args(self.name)
        if option("job_endpoint", args):
            return []
        errors = []
        jars = Jars(self.name)
        if java.find_java() is None:
            errors.append(java.missing(self.name))
        elif not jars.present() and maven.find_maven() is None:
            errors.append(maven.missing(self.name, jars.variable))
        master = option(self.master_option, args)
        if master and not self.is_embedded(master) and not option("environment_type", args):
            errors.append(_unknown_workers(self.name, self.master_option, master))
        return [Remark(error, certain=True) for error in errors]

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments but the addresses of what ``started`` starts, see ``Engine.args``."""
        given = run.args(self.name)
        workers = _workers(run)
        own = [
            f"--runner={RUNNER}",
            f"--job_name={_job_name(context)}",
            f"--parallelism={workers}",
            f"--sdk_worker_parallelism={workers}",
            f"--environment_cache_millis={KEPT_MILLISECONDS}",
            # Workers already have the code; without this, TFX builds a source distribution of itself for every node.
            "--sdk_container_image=none",
        ]
        named = {one.partition("=")[0] for one in given}
        return [*(one for one in own if one.partition("=")[0] not in named), *given]

    @contextmanager
    def started(self, run: RunConfig, context: Context) -> Iterator[list[str]]:
        """Holds a job server ready, unless the document names one; see ``Engine.started``."""
        args = self.args(run, context)
        if option("job_endpoint", args):
            yield args
            return
        temporary = Path(tempfile.gettempdir())
        sweep(temporary, FOLDER)
        with private_folder(temporary, FOLDER) as folder:
            master = option(self.master_option, args) or self.embedded(_workers(run))
            log = (context.folder or folder) / f"{self.name}-{context.node or 'node'}-{context.attempt}.log"
            with ExitStack() as stack:
                workers: list[str] = []
                if not option("environment_type", args):
                    if not self.is_embedded(master):
                        raise _unknown_workers(self.name, self.master_option, master)
                    pool = worker_pool(folder, log.with_suffix(".workers.log"), _modules(context.node))
                    workers = [
                        "--environment_type=EXTERNAL",
                        f"--environment_config={stack.enter_context(pool)}",
                    ]
                address = stack.enter_context(job_server(self._command(master, folder), log, folder))
                yield [*args, f"--job_endpoint={address}", *workers]

    def _command(self, master: str, folder: Path) -> list[str]:
        program = java.find_java()
        if program is None:
            raise java.missing(self.name)
        jars, front = Jars(self.name).files(), folder / "loopback.jar"
        write_jar(jars, front)
        properties = {
            "java.io.tmpdir": str(folder),
            "org.slf4j.simpleLogger.defaultLogLevel": "warn",
            # It says the address of its job service at this level.
            "org.slf4j.simpleLogger.log.org.apache.beam.runners.jobsubmission": "info",
            **self.properties(master),
        }
        return [
            str(program),
            *java.opened(),
            *(f"-D{key}={value}" for key, value in properties.items()),
            "-cp",
            ":".join(map(str, (front, *jars))),
            self.main,
            "--job-host=localhost",
            # It chooses free ones.
            "--job-port=0",
            "--artifact-port=0",
            # No pipeline of ours has steps in Java.
            "--expansion-port=-1",
            f"--artifacts-dir={folder}",
            *self.server_arguments(master, folder),
        ]


def option(name: str, args: Sequence[str]) -> str:
    """Returns the last value of ``--name=value`` among arguments, empty without."""
    values = [one.partition("=")[2] for one in args if one.partition("=")[0] == f"--{name}"]
    return values[-1] if values else ""


def _modules(node: str) -> list[str]:
    """Returns the module that brings what the workers of a node need."""
    return [declared.build.partition(":")[0] for declared in NODES if declared.id == node]


def _workers(run: RunConfig) -> int:
    return run.workers or min(os.cpu_count() or 1, MOST_WORKERS)


def _job_name(context: Context) -> str:
    parts = (context.pipeline, context.node, context.run, f"a{context.attempt}")
    return "-".join(filter(None, parts))


def _unknown_workers(engine: str, name: str, master: str) -> SpecError:
    return SpecError(
        f"run.beam_args: --{name}={master}",
        expected=f"--environment_type beside it: how {engine}'s machines start a Python with Penstock in it",
        seen="none",
        remedy="add --environment_type=PROCESS and --environment_options=process_command=/path/bin/penstock-beam-worker, "
        "or DOCKER and --environment_config=IMAGE",
    )
