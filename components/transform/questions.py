"""Tracing a ``preprocessing_fn`` once for all questions that TFX asks about it.

Before it analyses anything, TFX asks twice for the input columns of the analysis, once for those of the graph, and once
for the analyzers. For each, TFT traces the function anew, although nothing has changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from tensorflow_transform import impl_helper, inspect_preprocessing_fn
from tensorflow_transform.beam import analysis_graph_builder

Function = Callable[..., Any]
Specs = Mapping[str, tf.TypeSpec]


@dataclass
class _Traces:
    """The graphs of functions, each for the same inputs."""

    known: list[tuple[Function, tuple[Specs, bool], Any]] = field(default_factory=list)

    def share(self, fn: Function, specs: Specs, use_tf_compat_v1: bool) -> Any:
        """Returns the graph for a question that only looks at it."""
        asked = dict(specs), use_tf_compat_v1
        for of, inputs, graph in self.known:
            if of is fn and inputs == asked:
                return graph
        self.known.append((fn, asked, impl_helper.trace_preprocessing_function(fn, specs, use_tf_compat_v1)))
        return self.known[-1][2]

    def take(self, fn: Function, specs: Specs, use_tf_compat_v1: bool) -> Any:
        """Returns the graph for a question that alters it, so that no other may see it afterwards."""
        graph = self.share(fn, specs, use_tf_compat_v1)
        self.known = [one for one in self.known if one[2] is not graph]
        return graph


@contextlib.contextmanager
def traced_once() -> Iterator[None]:
    """Lets TFT answer TFX's questions about a function from one trace, while the block lasts.

    The analysis itself traces the function as before.
    """
    traces = _Traces()
    with (
        _tracing_by(inspect_preprocessing_fn, traces.share),
        _tracing_by(analysis_graph_builder, traces.take),
    ):
        yield


@contextlib.contextmanager
def _tracing_by(module: Any, trace: Function) -> Iterator[None]:
    """Lets one module of TFT trace in another way; the function has no place where this could be passed."""
    before = module.impl_helper
    module.impl_helper = SimpleNamespace(**{**vars(before), "trace_preprocessing_function": trace})
    try:
        yield
    finally:
        module.impl_helper = before
