"""Moves a label on several model servers: all of them, or none.

For each server the model configuration file is replaced by rename with only that label changed, then the server is
told by ``HandleReloadConfig``, then asked which version answers for the label. The file comes first because it is what a server
starts with and may poll: a process that dies in between leaves files that say what was wanted, and the same command
again completes it. If anything fails, files and servers get back what they had.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import PenstockError
from foundation.lock import locked
from foundation.publish import published_file, storage_error
from serving.promotion.model_config import labels, parsed, with_label
from serving.promotion.servers import Server, needs_file

log = logging.getLogger(__name__)


class PromotionError(PenstockError):
    """A label cannot be moved; nothing is changed unless the message says so."""


@dataclass(frozen=True)
class Move:
    """A label and where it goes.

    Attributes:
        model: The model.
        label: The label.
        before: The version that it points at; None if there is no such label yet.
        after: The version that it is to point at; None takes it away.
    """

    model: str
    label: str
    before: int | None
    after: int | None

    def back(self) -> Move:
        """Returns the way back."""
        return Move(self.model, self.label, self.after, self.before)


@dataclass(frozen=True)
class _Step:
    """What happens at one server: the file's text before and after, and whether its comments stay."""

    server: Server
    file: Path
    old: str
    new: str
    kept: bool


def label_version(server: Server, model: str, label: str) -> int | None:
    """Returns what a server's file says of a label; None if the file does not have it.

    Raises:
        PenstockError: There is no such file, or it cannot be read.
    """
    file = needs_file(server)
    return (labels(parsed(_text(file), str(file)), model) or {}).get(label)


def move(servers: Sequence[Server], wanted: Move) -> list[str]:
    """Moves a label on all servers; returns what a person should know besides.

    Raises:
        PromotionError: A server refuses, does not have the version, or has another state than its file; all is as before,
            unless the message says what could not be undone.
        PenstockError: A file cannot be read or written; all is as before.
        CallError: A server does not answer; all is as before.
    """
    with _held(servers):
        steps = [_prepared(server, wanted) for server in servers]
        done: list[_Step] = []
        try:
            for step in _by_file(steps):
                done.append(step)
                _replace(step.file, step.new)
            for step in steps:
                step.server.reload(step.new)
                _verify(step.server, wanted)
        except BaseException as error:
            left = _undo(done, steps, wanted)
            if left:
                raise PromotionError(
                    f"label {wanted.label} of model {wanted.model}",
                    expected="all as before, because it could not be moved",
                    seen=f"{error}; and {'; '.join(left)}",
                    remedy="reload these servers with their files, then run the command again",
                ) from error
            if isinstance(error, PenstockError):
                raise PromotionError(
                    f"label {wanted.label} of model {wanted.model} was not moved, and all servers are as before",
                    seen=str(error),
                ) from error
            raise
    return [
        f"{step.file} was written anew: its notation is not one that keeps comments"
        for step in steps
        if not step.kept
    ]


@contextlib.contextmanager
def _held(servers: Sequence[Server]) -> Iterator[None]:
    """Holds the files, in one order everywhere, against other promotions."""
    files = sorted({needs_file(server).resolve() for server in servers})
    with contextlib.ExitStack() as stack:
        for file in files:
            lock = file.with_name(f".{file.name}.lock")
            stack.enter_context(locked(lock, lambda file=file: _busy(file)))  # type: ignore[misc]
        yield


def _busy(file: Path) -> PenstockError:
    return PromotionError(f"{file}", expected="no other promotion", seen="one under way", remedy="try again")


def _prepared(server: Server, wanted: Move) -> _Step:
    """Checks one server and its file; nothing is changed."""
    file = needs_file(server).resolve()
    old = _text(file)
    said = labels(parsed(old, str(file)), wanted.model)
    subject = f"backend {server.name}" if server.name else f"{file}"
    if said is None:
        raise PromotionError(subject, expected=f"model {wanted.model} in {file}", seen="a list without it")
    written, answers = said.get(wanted.label), server.version_of(wanted.model, wanted.label)
    if written not in (wanted.before, wanted.after) or answers not in (wanted.before, wanted.after):
        raise PromotionError(
            f"{subject}: label {wanted.label} of model {wanted.model}",
            expected=_words(wanted.before),
            seen=f"{_words(written)} in {file.name}, {_words(answers)} at the server",
            remedy="somebody else moved it: look at both, make them the same, then run the command again",
        )
    if wanted.after is not None and server.version_of(wanted.model, version=wanted.after) is None:
        raise PromotionError(
            f"{subject}: model {wanted.model}",
            expected=f"version {wanted.after} loaded, which label {wanted.label} is to point at",
            seen="it is not available",
            remedy=f"let model_version_policy in {file.name} keep it loaded",
        )
    new, kept = with_label(old, str(file), wanted.model, wanted.label, wanted.after)
    return _Step(server, file, old, new, kept)


def _words(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _by_file(steps: Sequence[_Step]) -> list[_Step]:
    """Returns one step for each file: servers may share one."""
    return list({step.file: step for step in steps}.values())


def _verify(server: Server, wanted: Move) -> None:
    answers = server.version_of(wanted.model, wanted.label)
    if answers != wanted.after:
        raise PromotionError(
            f"backend {server.name}: label {wanted.label} after the reload",
            expected=_words(wanted.after),
            seen=_words(answers),
        )


def _undo(done: Sequence[_Step], steps: Sequence[_Step], wanted: Move) -> list[str]:
    """Puts back files and labels; returns what could not be."""
    left: list[str] = []
    for step in done:
        try:
            _replace(step.file, step.old)
        except PenstockError as error:
            left.append(f"{step.file} could not be put back: {error}")
    for step in steps:
        try:
            before = step.server.version_of(wanted.model, wanted.label)
            if before != wanted.before:
                step.server.reload(step.old)
                _verify(step.server, wanted.back())
        except PenstockError as error:
            left.append(f"backend {step.server.name} could not be told: {error}")
    for what in left:
        log.error("promotion: %s", what)
    return left


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise storage_error(file, error) from error


def _replace(file: Path, text: str) -> None:
    """Replaces a file by rename; owner and permissions stay, so that the server can still read it."""
    about = file.stat()
    with published_file(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
        with contextlib.suppress(PermissionError):  # only root may give files away
            shutil.chown(temporary, about.st_uid, about.st_gid)
    os.chmod(file, about.st_mode & 0o7777)
