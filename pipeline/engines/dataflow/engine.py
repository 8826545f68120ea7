"""Google Cloud Dataflow as an engine: each Beam pipeline of a node is a job of its own there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.document.problems import Problem, SpecErrors
from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine
from pipeline.engines.dataflow.checks import problems, suspicions
from pipeline.engines.dataflow.checks.subject import Subject
from pipeline.engines.dataflow.costs import costs
from pipeline.engines.dataflow.labels import job_name, run_labels
from pipeline.engines.dataflow.options import in_one_word, read_options
from pipeline.preflight.remarks import Remark, refuse

_FILES = frozenset({"--setup_file", "--requirements_file", "--extra_package"})
RUNNER = "pipeline.engines.dataflow.beam_runner.DataflowRunner"


class DataflowEngine(Engine):
    """Jobs on Dataflow; options come from ``run.beam_args``."""

    name = "dataflow"
    outlives = True

    def check(self, run: RunConfig, context: Context) -> list[Remark]:
        """Looks for everything that the service would refuse; it is not asked.

        Args:
            run: The document's ``run`` slice.
            context: The node.
        """
        subject = Subject(read_options(run.beam_args), context.root, context.home)
        found = [*_unreachable(subject, context), *problems(subject)]
        certain = [Remark(SpecErrors([one]), certain=True) for one in found]
        return [*certain, *(Remark(SpecErrors([one]), certain=False) for one in suspicions(subject))]

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments of one attempt at a node: its job is named and labelled after run, node and attempt.

        Args:
            run: The document's ``run`` slice.
            context: The node.
        """
        identity = (context.pipeline, context.node, context.run, context.attempt)
        labels = (f"--labels={key}={value}" for key, value in run_labels(*identity).items())
        given = (_absolute(arg, context.home) for arg in in_one_word(run.beam_args))
        return [f"--runner={RUNNER}", f"--job_name={job_name(*identity)}", *labels, *given]

    @contextmanager
    def started(self, run: RunConfig, context: Context) -> Iterator[list[str]]:
        """Checks the options, then cancels the jobs that earlier attempts at the node have left and waits for their ends.

        Such a job is not joined: what an executor does around its pipeline belongs to the process that is gone, and two
        jobs must not write into one folder.

        Args:
            run: The document's ``run`` slice.
            context: The node.

        Yields:
            The arguments of the node's Beam pipelines.

        Raises:
            SpecError: The service would refuse the options.
        """
        refuse(self.check(run, context))
        from pipeline.engines.dataflow.beam_runner import orphans  # loads Beam and Google's clients

        args = self.args(run, context)
        for orphan in orphans(args):
            orphan.cancel(wait=True)
        yield args

    def sees_disk(self, run: RunConfig) -> bool:
        """Returns that its workers see nothing of this machine, see ``Engine.sees_disk``."""
        return False

    def costs(self, run: RunConfig) -> list[str]:
        """Returns what decides the costs of its jobs, in words.

        Args:
            run: The document's ``run`` slice.
        """
        return costs(read_options(run.beam_args))


def _absolute(arg: str, home: Path) -> str:
    """Returns an option with its file's whole path: Beam would start from the folder of the node's process."""
    name, equals, value = arg.partition("=")
    return f"{name}={home / value}" if equals and name in _FILES else arg


def _unreachable(subject: Subject, context: Context) -> list[Problem]:
    """Finds a node whose workers need something of this machine, which workers elsewhere do not see."""
    if subject.rehearsed or not context.only_here:
        return []
    return [
        Problem(
            ("run", "beam"),
            f"{context.node} cannot run on Dataflow: {context.only_here}",
            expected="local for this node",
            remedy=f"say run: {{beam: {{default: dataflow, {context.node}: local}}}}",
        )
    ]
