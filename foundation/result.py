"""The base of every result file: a small typed class that writes the file, and reads it whichever version wrote it.

A result is a frozen dataclass with the name of its file and the format that it writes. A field added later has a
default, so that older files are still read; any other change raises ``FORMAT`` and ``upgrade`` says how an older file
is read. Unknown keys are ignored: an older Penstock reads what a newer one has added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from foundation.errors import DataError
from foundation.publish import storage_error, write_text

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler, TypeAdapter
    from pydantic_core import CoreSchema

_VERSION = "format"
"""Key of the file's format; files without it are from before there was one and count as format 0."""


class Part:
    """A piece of a result; the docstring under a field is its description in the JSON Schema."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Puts the docstrings into the JSON Schema."""
        from foundation.docstrings import attribute_docstrings

        schema = handler(core_schema)
        inner = handler.resolve_ref_schema(schema)
        inner["description"] = " ".join((cls.__doc__ or "").split("\n\n")[0].split())
        hints = get_type_hints(cls, include_extras=True)
        for name, text in attribute_docstrings(cls).items():
            inner["properties"][_alias(hints[name]) or name]["description"] = text
        return schema


def _alias(hint: Any) -> str | None:
    found = (getattr(extra, "alias", None) for extra in getattr(hint, "__metadata__", ()))
    return next((alias for alias in found if alias), None)


class Result(Part):
    """What a node, a run or a push leaves in a JSON file for others to read."""

    FILE: ClassVar[str]
    """Name of the file."""
    FORMAT: ClassVar[int] = 1
    """Format that is written; older ones are read."""
    REMEDY: ClassVar[str] = "run the node again with --force"
    """What a person can do about a file that is missing or damaged."""

    @property
    def counted(self) -> Mapping[str, int]:
        """How much was processed, by unit, such as documents or steps; empty where nothing is counted."""
        return {}

    @property
    def withheld(self) -> str:
        """What the node did not do although it ended well, such as ``nothing pushed``; empty if it did its work."""
        return ""

    @property
    def decided(self) -> str:
        """What it decided and why, in short: shown at once, while the run goes on; empty if it decides nothing."""
        return ""

    def as_json(self) -> dict[str, Any]:
        """Returns the content of the file, without its format."""
        content: dict[str, Any] = _adapter(type(self)).dump_python(self, by_alias=True)
        return content

    def write(self, folder: Path | str) -> None:
        """Writes the file into a folder; a reader never sees half of it.

        Raises:
            StorageError: The folder cannot be written, or the disk is full.
        """
        write_text(Path(folder) / self.FILE, self.text())

    def text(self) -> str:
        """Returns the text of the file."""
        content = {_VERSION: self.FORMAT, **self.as_json()}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Reads the file in a folder.

        Raises:
            DataError: It is missing, damaged, or written by a newer Penstock.
            StorageError: It cannot be read.
        """
        found = cls.find(folder)
        if found is None:
            raise DataError(
                cls._subject(Path(folder) / cls.FILE),
                expected="the JSON file of its node",
                seen="no such file",
                remedy=cls.REMEDY,
            )
        return found

    @classmethod
    def find(cls, folder: Path | str) -> Self | None:
        """Reads the file in a folder as ``read`` does; returns None where there is no such file."""
        file = Path(folder) / cls.FILE
        try:
            return cls._parse(file, json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(file, error) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # ``upgrade`` may meet anything
            raise cls._damaged(file, str(error)) from error

    @classmethod
    def upgrade(cls, content: Any, version: int) -> Any:
        """Returns the content of an older file in the shape of the present format.

        Args:
            content: What the file holds.
            version: Its format, less than ``FORMAT``.
        """
        return content

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Returns the result that ``as_json`` made this content of.

        Raises:
            ValueError: It does not fit; the message names the place, never a value.
        """
        from pydantic import ValidationError

        try:
            result: Self = _adapter(cls).validate_python(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place or 'content'}: {first['msg']}") from error
        return result

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Returns the JSON Schema of the file as it is written."""
        from foundation.document.json_schema import titled

        schema = titled(_adapter(cls).json_schema(mode="serialization"), cls.FILE)
        version = {"const": cls.FORMAT, "description": "Format of the file; missing in the oldest."}
        return {**schema, "properties": {_VERSION: version, **schema["properties"]}}

    @classmethod
    def _parse(cls, file: Path, content: Any) -> Self:
        version = content.get(_VERSION, 0) if isinstance(content, dict) else 0
        if not isinstance(version, int):
            raise cls._damaged(file, f"{_VERSION} {version!r}")
        if version > cls.FORMAT:
            raise DataError(
                cls._subject(file),
                expected=f"format {cls.FORMAT} or older",
                seen=f"format {version}",
                remedy="use the newer Penstock that wrote it",
            )
        return cls.from_json(content if version == cls.FORMAT else cls.upgrade(content, version))

    @classmethod
    def _damaged(cls, file: Path, seen: str) -> DataError:
        expected = "JSON as Penstock writes it"
        return DataError(cls._subject(file), expected=expected, seen=seen, remedy=cls.REMEDY)

    @classmethod
    def _subject(cls, file: Path) -> str:
        return f"{re.sub('(?<=[a-z])(?=[A-Z])', ' ', cls.__name__).lower()} {file}"


_ADAPTERS: dict[type[Result], TypeAdapter[Any]] = {}


def _adapter(cls: type[Result]) -> TypeAdapter[Any]:
    """Returns what validates a result; it is built on first use, so that a class costs nothing to import."""
    if cls not in _ADAPTERS:
        from pydantic import TypeAdapter

        from foundation.config import without_plugins

        with without_plugins():
            _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]
