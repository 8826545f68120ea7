"""Session settings from the flags: tags, threads and memory, without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The settings of every session of a server.

    Attributes:
        tags: The tags of the MetaGraph to load.
        intra_op_threads: Threads inside one op; 0 lets TensorFlow choose.
        inter_op_threads: Ops that run at once; 0 lets TensorFlow choose.
        config: A serialized ``tensorflow.ConfigProto`` that the other settings override.
        gpu_memory_fraction: Share of a GPU's memory to take; 0 lets TensorFlow choose.
        runs: How many runs of one version may be active at once.
    """

    tags: tuple[str, ...] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    config: bytes = b""
    gpu_memory_fraction: float = 0.0
    runs: int = 64
