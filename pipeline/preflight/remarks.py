"""What a preflight found: certain errors, which stop a run, and suspicions, which are said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foundation.document.problems import Problem, SpecErrors
from foundation.document.validate import placed
from foundation.errors import PenstockError
from pipeline.document.loader import LoadedSpec


@dataclass(frozen=True)
class Remark:
    """Something that a run would meet.

    Attributes:
        error: What it is, as the error that the run would end with.
        certain: Whether the run is certain to meet it; otherwise a person should know of it before.
    """

    error: PenstockError
    certain: bool

    def __str__(self) -> str:
        return str(self.error)


@dataclass(frozen=True)
class Review:
    """What a preflight found.

    Attributes:
        remarks: Errors and suspicions.
        skipped: Why the documents were not looked at; empty if they were.
    """

    remarks: tuple[Remark, ...] = ()
    skipped: str = ""


class PreflightError(PenstockError):
    """A run that cannot end well was not started; one line for each reason.

    Args:
        errors: At least one; the first decides the exit code.
    """

    def __init__(self, errors: Sequence[PenstockError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))
        self.exit_code = errors[0].exit_code

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the errors when it is pickled."""
        return (PreflightError, (self.errors,))


def of_document(loaded: LoadedSpec, problems: Iterable[Problem], certain: bool) -> list[Remark]:
    """Returns remarks on the document, with their places in it."""
    return [Remark(SpecErrors([problem]), certain) for problem in placed(problems, loaded.root)]


def located(loaded: LoadedSpec, remarks: Iterable[Remark]) -> list[Remark]:
    """Returns remarks, those on keys of the document with their places in it.

    Args:
        loaded: The document.
        remarks: What was found without knowing its text.
    """
    found: list[Remark] = []
    for remark in remarks:
        if isinstance(remark.error, SpecErrors):
            found += of_document(loaded, remark.error.problems, remark.certain)
        else:
            found.append(remark)
    return found


def refuse(remarks: Iterable[Remark]) -> None:
    """Raises what is certain.

    Raises:
        PenstockError: A remark is certain; ``PreflightError`` if several are.
    """
    errors = [remark.error for remark in remarks if remark.certain]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise PreflightError(errors)
