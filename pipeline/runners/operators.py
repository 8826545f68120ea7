"""How the launcher runs a node's executor: as TFX does, on files of this machine wherever the root is.

It tells when the executor begins, and asks whether its result may count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from components.node import Elsewhere
from foundation.stores.exchange import flag
from pipeline.roots.staging import bring, exchanged, hand_over, send
from pipeline.runners.light import (
    beam_executor_operator,
    data_types,
    executable_spec_pb2,
    placeholder_pb2,
    python_executor_operator,
)

Beam = Callable[[], AbstractContextManager[Sequence[str]]]
"""Holds an engine ready; yields the arguments for Beam."""


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Asked:
    """What a node's run is asked beside the node.

    Attributes:
        attempt: Which attempt at this node of this run it is, from 1.
        begins: Called when the executor begins: what came before is overhead.
        guard: Called when the executor has ended, before its outputs are sent and before its result is published; raises
            where it must not be.
    """

    attempt: int = 1
    begins: Callable[[], None] = _nothing
    guard: Callable[[], None] = _nothing


class PythonOperator(python_executor_operator.PythonExecutorOperator):
    """Runs an executor in this process.

    Args:
        asked: What the run is asked.
        given: The arguments of TFX's operator.
    """

    def __init__(self, asked: Asked, **given: Any) -> None:
        super().__init__(**given)
        self._asked = asked

    def run_executor(self, execution_info: data_types.ExecutionInfo) -> Any:
        """Runs the executor, see TFX."""
        bring(execution_info.input_dict)
        self._asked.begins()
        output = super().run_executor(execution_info)
        self._asked.guard()
        send(execution_info.output_dict, output)
        self._asked.guard()  # sending may have taken a while
        return output


class BeamOperator(beam_executor_operator.BeamExecutorOperator):
    """Runs an executor that works on Beam, with its engine held ready.

    Args:
        asked: What the run is asked.
        beam: Holds the engine ready and yields the arguments for Beam.
        elsewhere: How the node works with workers that do not see this machine's disk; empty: its workers see it.
        given: The arguments of TFX's operator.
    """

    beam_pipeline_args: list[Any]
    extra_flags: list[str]

    def __init__(self, asked: Asked, beam: Beam, elsewhere: Elsewhere, **given: Any) -> None:
        super().__init__(**given)
        self._asked, self._beam, self._elsewhere = asked, beam, elsewhere

    def run_executor(
        self, execution_info: data_types.ExecutionInfo, make_beam_pipeline_fn: Callable[[], Any] | None = None
    ) -> Any:
        """Runs the executor, see TFX."""
        by_address = self._elsewhere == "addresses"
        if not by_address:
            bring(execution_info.input_dict)
        self._asked.begins()
        with self._beam() as args, ExitStack() as stack:
            # By now nothing of an earlier attempt writes any more.
            if by_address:
                hand_over(execution_info.output_dict)
            elif self._elsewhere:
                address = stack.enter_context(exchanged(execution_info.output_dict))
                self.extra_flags = [*self.extra_flags, flag(address)]
            # Later ones win: the component's own, such as the project of a query, over the engine's.
            self.beam_pipeline_args = [*map(_literal, args), *self.beam_pipeline_args]
            output = super().run_executor(execution_info, make_beam_pipeline_fn)
        self._asked.guard()
        if not by_address:
            send(execution_info.output_dict, output)
            self._asked.guard()  # sending may have taken a while
        return output


def _literal(argument: str) -> Any:
    """Returns an argument as the operator reads it."""
    made = placeholder_pb2.PlaceholderExpression()
    made.value.string_value = argument
    return made


def operators(asked: Asked, beam: Beam, elsewhere: Elsewhere = "") -> Mapping[Any, Callable[..., Any]]:
    """Returns what the launcher takes as ``custom_executor_operators``.

    Args:
        asked: What the run of the node is asked.
        beam: Holds the node's engine ready and yields the arguments for Beam.
        elsewhere: How the node works with workers that do not see this machine's disk; empty: its workers see it.
    """
    return {
        executable_spec_pb2.PythonClassExecutableSpec: partial(PythonOperator, asked),
        executable_spec_pb2.BeamExecutableSpec: partial(BeamOperator, asked, beam, elsewhere),
    }
