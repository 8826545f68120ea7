"""The jars of a job server: given by hand, kept from before, or fetched by Maven; each is what its digest says.

Beam also publishes each job server as one large jar, without a digest that could be pinned here. These are the parts that
such a jar is made of, at the versions and digests in ``flink.json`` and ``spark.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from foundation.errors import StorageError
from foundation.publish import storage_error
from foundation.temporaries import make_folder, sweep

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Jar:
    """One jar.

    Attributes:
        group: Its group at Maven.
        artifact: Its name there.
        version: Its version.
        classifier: Which of several builds; mostly empty.
        digest: SHA-256 of the file, in hex.
    """

    group: str
    artifact: str
    version: str
    classifier: str
    digest: str

    @property
    def file_name(self) -> str:
        """Name of the file, as Maven gives it."""
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + ".jar"


@dataclass(frozen=True)
class Jars:
    """The jars of an engine's job server.

    Attributes:
        engine: Name of the engine.
    """

    engine: str

    @cached_property
    def locked(self) -> tuple[Jar, ...]:
        """What it is made of."""
        text = (_HERE / f"{self.engine}.json").read_text(encoding="utf-8")
        found = []
        for name, digest in sorted(json.loads(text).items()):
            group, artifact, version, *classifier = name.split(":")
            found.append(Jar(group, artifact, version, "".join(classifier), digest))
        return tuple(found)

    @property
    def variable(self) -> str:
        """The environment variable that names a job server given by hand."""
        return f"PENSTOCK_{self.engine.upper()}_JOB_SERVER"

    @property
    def folder(self) -> Path:
        """Where they are kept: a folder for these versions, used by all projects."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        digest = hashlib.sha256("".join(jar.digest for jar in self.locked).encode()).hexdigest()[:12]
        return cache / "penstock" / "beam" / f"{self.engine}-{digest}"

    def given(self) -> Path | None:
        """Returns what the environment variable names: a jar, or a folder of jars."""
        named = os.environ.get(self.variable)
        return Path(named) if named else None

    def present(self) -> bool:
        """Returns whether nothing has to be fetched; the folder appears whole, by one rename."""
        return self.given() is not None or self.folder.is_dir()

    def files(self) -> list[Path]:
        """Returns the jars of the job server, Beam's own first; fetches what is not here yet.

        Raises:
            StorageError: What is given by hand does not exist, a jar is not what its digest says, or it cannot be had.
        """
        if given := self.given():
            return _jars_of(given, self.variable)
        if not self.folder.is_dir():
            self._fetch()
        return _beam_first(self.folder)

    def _fetch(self) -> None:
        from pipeline.engines.portable.maven import copy_jars

        try:
            sweep(self.folder.parent, self.engine)
            made = make_folder(self.folder.parent, self.engine)
        except OSError as error:
            raise storage_error(self.folder.parent, error) from error
        try:
            copy_jars(self.locked, made.path)
            verify(self.locked, made.path)
            made.publish(self.folder)
        except OSError as error:
            if not self.folder.is_dir():  # another process was as quick
                raise storage_error(self.folder, error) from error
        finally:
            made.discard()


def verify(jars: tuple[Jar, ...], folder: Path) -> None:
    """Compares the files in a folder with their digests.

    Raises:
        StorageError: One is missing or another.
    """
    for jar in jars:
        file = folder / jar.file_name
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "no such file"
        if digest != jar.digest:
            raise StorageError(
                f"{jar.group}:{jar.artifact}:{jar.version}",
                expected=f"SHA-256 {jar.digest}",
                seen=digest,
                remedy="remove it from Maven's local repository and fetch it again; if it stays, your mirror alters it",
            )


def _jars_of(given: Path, variable: str) -> list[Path]:
    if given.is_file():
        return [given]
    if found := _beam_first(given):
        return found
    raise StorageError(
        f"{variable}={given}",
        expected="a job server's jar, or a folder of jars",
        seen="neither",
        remedy="correct the path, or unset the variable to have the jars fetched",
    )


def _beam_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jar"), key=lambda jar: (not jar.name.startswith("beam-"), jar.name))
