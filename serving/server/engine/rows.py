"""Rows of requests: counts, splits and joins them into a padded batch, and cuts its outputs apart again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(slots=True)
class Task:
    """A request waiting for its rows, or one part of a split request.

    Attributes:
        feeds: Its inputs, by alias.
        rows: How many rows each input has.
        result: Receives its outputs.
        since: When it arrived, by ``perf_counter``.
    """

    feeds: Mapping[str, np.ndarray]
    rows: int
    result: asyncio.Future[Any]
    since: float


def count(feeds: Mapping[str, np.ndarray]) -> int:
    """Returns how many rows a request has.

    Raises:
        ServingError: INVALID_ARGUMENT if an input has no first axis, or sizes differ.
    """
    if not feeds:
        raise _invalid("Batching Run() must have at least one input tensor")
    found: int | None = None
    for value in feeds.values():
        if value.ndim == 0:
            raise _invalid("Batching Run() input tensors must have at least one dimension")
        if found is not None and len(value) != found:
            raise _invalid("Batching Run() input tensors must have equal 0th-dimension size")
        found = len(value)
    return found or 0


def split_sizes(total: int, room: int, step: int) -> list[int]:
    """Returns the sizes of a large request's parts: what still fits into the open batch, then full batches."""
    sizes = [room] if room else []
    left = total - room
    while left > 0:
        sizes.append(min(left, step))
        left -= step
    return sizes


def split(feeds: Mapping[str, np.ndarray], sizes: Sequence[int]) -> Iterator[Mapping[str, np.ndarray]]:
    """Yields the parts of a request."""
    if len(sizes) == 1:
        yield feeds
        return
    begin = 0
    for size in sizes:
        yield {alias: value[begin : begin + size] for alias, value in feeds.items()}
        begin += size


def join(tasks: Sequence[Task], size: int, *, pad_inner: bool) -> Mapping[str, np.ndarray]:
    """Stacks the rows of several requests.

    Args:
        tasks: The requests.
        size: The batch's rows; missing ones are copies of a real one.
        pad_inner: Whether to pad different inner shapes to the largest.

    Returns:
        The batch's inputs, by alias.

    Raises:
        ServingError: FAILED_PRECONDITION if inner shapes differ and may not be padded.
    """
    missing = size - sum(task.rows for task in tasks)
    if len(tasks) == 1 and not missing:
        return tasks[0].feeds
    joined = {}
    for alias in tasks[0].feeds:
        values = [task.feeds[alias] for task in tasks]
        inner = values[0].shape[1:]
        if any(value.shape[1:] != inner for value in values):
            values = _pad_all(values, alias, pad_inner=pad_inner)
        if missing:
            real = next(value for value in reversed(values) if len(value))
            values.append(np.broadcast_to(real[:1], (missing, *real.shape[1:])))
        joined[alias] = np.concatenate(values)
    return joined


def _pad_all(values: list[np.ndarray], alias: str, *, pad_inner: bool) -> list[np.ndarray]:
    if not pad_inner or len({value.ndim for value in values}) > 1:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Tensors with name '{alias}' from different tasks have different shapes and padding is turned off."
            "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
            "have equal dimensions starting with the first dim.",
        )
    widest = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values), strict=True)]
    return [_pad(value, widest) for value in values]


def _pad(value: np.ndarray, inner: Sequence[int]) -> np.ndarray:
    """Pads the inner axes with the tensor's own first element, as TF Serving does; an empty one with zeros."""
    shape = (len(value), *inner)
    if value.shape == shape:
        return value
    empty: Any = b"" if value.dtype == object else 0
    padded: np.ndarray = np.full(shape, value.flat[0] if value.size else empty, value.dtype)
    padded[tuple(slice(size) for size in value.shape)] = value
    return padded


def cut(values: Sequence[np.ndarray], tasks: Sequence[Task], size: int) -> list[list[np.ndarray]]:
    """Splits a batch's outputs among its requests; drops padding.

    Args:
        values: The batch's outputs.
        tasks: The requests.
        size: How many rows the batch had.

    Raises:
        ServingError: FAILED_PRECONDITION if an output does not keep the batch axis.
    """
    for value in values:
        if value.ndim == 0:
            raise ServingError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(value) != size:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of "
                "the input tensors",
            )
    parts = []
    begin = 0
    for task in tasks:
        parts.append([value[begin : begin + task.rows] for value in values])
        begin += task.rows
    return parts


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
