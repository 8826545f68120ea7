"""How requests are batched: TF Serving's ``BatchingParameters``, with its defaults."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

from serving.server.status import Code, ServingError


@dataclass(frozen=True, slots=True)
class BatchingParameters:
    """The parameters of one server, or of one version with per-model batching.

    Attributes:
        max_batch_size: The most rows in a batch, and in one request unless splitting is on.
        batch_timeout_micros: How long an open batch waits for more rows.
        max_enqueued_batches: How many batches may wait per queue; beyond that, requests are refused.
        num_batch_threads: How many batches run at once.
        thread_pool_name: The name of those threads.
        allowed_batch_sizes: A batch is padded up to the next of these; empty means any size.
        pad_variable_length_inputs: Rows of different inner shapes are padded to the largest.
        enable_large_batch_splitting: A request larger than a batch is split.
        max_execution_batch_size: The most rows in one run when splitting is on; 0 means ``max_batch_size``.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    @property
    def execution_batch_size(self) -> int:
        """The most rows in one session run."""
        if not self.enable_large_batch_splitting:
            return self.max_batch_size
        return self.max_execution_batch_size or self.max_batch_size

    def check(self) -> None:
        """Raises INVALID_ARGUMENT if the numbers contradict each other, as TF Serving does when it loads them."""
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise _wrong(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise _wrong(f"batch_timeout_micros must not be negative; was {self.batch_timeout_micros}")
        if self.max_execution_batch_size < 0:
            raise _wrong(
                f"max_execution_batch_size must not be negative; was {self.max_execution_batch_size}"
            )
        if self.execution_batch_size > self.max_batch_size:
            raise _wrong(
                "max_execution_batch_size must be less than or equal to max_batch_size; "
                f"was {self.max_execution_batch_size} and {self.max_batch_size}"
            )
        self._check_allowed_sizes()

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[0] < 1 or any(b <= a for a, b in itertools.pairwise(sizes)):
            raise _wrong("allowed_batch_sizes entries must be positive and monotonically increasing")
        if sizes[-1] != self.execution_batch_size:
            limit = "max_execution_batch_size" if self.enable_large_batch_splitting else "max_batch_size"
            raise _wrong(
                f"final entry in allowed_batch_sizes must equal {limit}; "
                f"was {sizes[-1]} instead of {self.execution_batch_size}"
            )


def _wrong(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
