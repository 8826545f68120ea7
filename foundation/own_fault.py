"""Faults of a person's own code: told with file and line, and with what the code must be."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import PenstockError, UserCodeError

_OURS = Path(__file__).resolve().parents[1]
_OUR_PACKAGES = ("foundation", "components", "pipeline", "serving")
_QUOTED = re.compile(r'File "([^"]+)", line (\d+)')
"""A frame in a message: TensorFlow and Beam keep no others of code that they have rewritten or run elsewhere."""
_FRAMES_ONLY = re.compile(
    r'File "|Detected at|Graph execution error|in user code|<stack|\[\[|Arguments received|[•^~]'
)
_ASSERTED = re.compile(r"(assertion failed: \[[^\]]*\]).*")
"""An assertion of a graph; the values that it prints after its condition may be personal."""
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"^(\w[\w.]*)(?:: |$)(.*)", re.MULTILINE | re.DOTALL)
"""What follows the frames, which are indented; after it may come the frames of an engine in Java."""
_LONGEST = 300


@contextmanager
def own_code(reference: str, expected: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turns whatever own code raises, ``sys.exit`` included, into an error that names the place.

    Args:
        reference: ``/abs/file.py:function``.
        expected: What the code must be.
        passing: What is no fault of the code, such as a full disk.

    Raises:
        UserCodeError: The code raised something.
    """
    try:
        yield
    except PenstockError:
        raise
    except passing:
        raise
    except (Exception, SystemExit) as error:
        raise fault(reference, expected, error) from error


def fault(reference: str, expected: str, error: BaseException) -> UserCodeError:
    """Returns the error that tells what own code raised, and where."""
    return UserCodeError(place(reference, error), expected=expected, seen=words(error))


def place(reference: str, error: BaseException | None = None) -> str:
    """Returns ``/abs/file.py:line, in function``: where the error came out of own code, else where the code begins."""
    path, _, name = reference.rpartition(":")
    file = Path(path).resolve()
    found = own_place(file.parent, error) if error else None
    if found:
        return f"{found[0]}:{found[1]}, in {name}" if found[0] == file else f"{found[0]}:{found[1]}"
    line = _definition(file, name)
    return f"{file}:{line}, in {name}" if line else f"{file}, in {name}"


def own_place(folder: Path, error: BaseException) -> tuple[Path, int] | None:
    """Returns the innermost file and line of own code that an error passed, None if it passed none.

    Args:
        folder: Folder of the own code.
        error: The error; those that it was raised from count as well.
    """
    folder = folder.resolve()
    for one in reversed(list(_chain(error))):
        if isinstance(one, SyntaxError) and one.filename and _is_own(folder, one.filename):
            return Path(one.filename).resolve(), one.lineno or 1
        frames = [(frame.filename, frame.lineno or 1) for frame in traceback.extract_tb(one.__traceback__)]
        frames += [(name, int(line)) for name, line in _QUOTED.findall(text_of(one))]
        own = [(Path(name).resolve(), line) for name, line in frames if _is_own(folder, name)]
        if own:
            return own[-1]
    return None


def failed_in_graph(error: BaseException) -> bool:
    """Returns whether TensorFlow refused values while it ran a graph, which keeps no frames of the code behind it."""
    refusals = ("InvalidArgumentError", "UnimplementedError")
    return any(
        type(one).__name__ in refusals or "Graph execution error" in text_of(one) for one in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_own(folder: Path, name: str) -> bool:
    if not Path(name).is_absolute():  # compiled libraries name their files by package
        return False
    path = Path(name).resolve()
    if not path.is_relative_to(folder) or path.suffix != ".py":
        return False
    installed = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return not installed and not any(path.is_relative_to(_OURS / package) for package in _OUR_PACKAGES)


def words(error: BaseException) -> str:
    """Returns the type of an error and what it says, on one line without frames."""
    if isinstance(error, SystemExit):
        return f"sys.exit({'' if error.code is None else repr(error.code)})"
    kind, text = _quoted(text_of(error)) or (type(error).__name__, text_of(error))
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not _FRAMES_ONLY.match(line)]
    rewritten = text.lstrip().startswith("in user code")  # lines of code come before what was raised
    told = " ".join(said[-1:] if rewritten else said[:2])
    if not told.startswith(kind):
        told = f"{kind}: {told}".rstrip(": ")
    return _ASSERTED.sub(r"\1", told)[:_LONGEST]


def _quoted(text: str) -> tuple[str, str] | None:
    """Returns the kind of error that a worker's traceback ends with, and what it says; None where a message quotes none."""
    _, quoted, traced = text.rpartition(_TRACEBACK)
    found = _RAISED.search(traced) if quoted else None
    return (found[1].rpartition(".")[2], found[2].partition("\n\tat ")[0]) if found else None


def text_of(error: BaseException) -> str:
    """Returns what an error says, nothing where one of own code fails even there."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it is, its type is told
        return ""


def _definition(file: Path, name: str) -> int | None:
    """Returns the line of a function's definition."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return next((n.lineno for n in ast.walk(tree) if isinstance(n, defined) and n.name == name), None)


def kind_of(value: object) -> str:
    """Returns what a value is, for the error of a function that returned something else: ``None``, ``a list``."""
    if value is None:
        return "None"
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
