"""Writes a document's files into a folder; leaves unchanged files alone and removes obsolete ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from foundation.errors import StorageError
from foundation.publish import storage_error, write_text
from serving.deploy.command import START_SCRIPT, start_script
from serving.deploy.compose import compose_file
from serving.deploy.document import DeployDocument
from serving.deploy.kubernetes import manifests
from serving.deploy.router.command import EXPERIMENTS
from serving.deploy.text_files import BATCHING, MODELS, MONITORING, text_files
from serving.deploy.verify import verify

COMPOSE: Final = "docker-compose.yaml"
KUBERNETES: Final = "kubernetes.yaml"
_HEADER: Final = "# Written by penstock deploy; changes here are lost with the next one.\n"
_POSSIBLE: Final = (
    f"config/{MODELS}",
    f"config/{BATCHING}",
    f"config/{MONITORING}",
    f"config/{START_SCRIPT}",
    f"config/{EXPERIMENTS}",
    COMPOSE,
    KUBERNETES,
)


@dataclass(frozen=True)
class Written:
    """What happened to each file, by its path below the output folder.

    Attributes:
        changed: New or modified files.
        unchanged: Files left alone.
        removed: Files of an earlier run that are no longer needed.
    """

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def generate(document: DeployDocument, experiments: str = "") -> dict[str, str]:
    """Returns path below the output folder → text of every file.

    Args:
        document: The document.
        experiments: The text of the router's document, if there is a router.

    Raises:
        SpecError: A file, read back, differs from the document: an internal error.
    """
    inside = text_files(document)
    if document.tls is not None:
        inside[START_SCRIPT] = start_script(document)
    files = {f"config/{name}": _headed(text) for name, text in inside.items()}
    if document.router is not None:
        files[f"config/{EXPERIMENTS}"] = _headed(experiments)
    if document.compose is not None:
        files[COMPOSE] = _headed(_yaml([compose_file(document, document.compose)]))
    if document.kubernetes is not None:
        files[KUBERNETES] = _headed(_yaml(manifests(document, document.kubernetes, inside, experiments)))
    verify(document, files)
    return files


def write(files: dict[str, str], folder: Path) -> Written:
    """Writes the files into a folder, each by temporary name and rename.

    Raises:
        StorageError: A file cannot be written, or would replace one that ``penstock deploy`` did not write.
    """
    changed, unchanged, removed = [], [], []
    before = {name: read(folder / name) for name in _POSSIBLE}
    for name, text in before.items():
        if name in files and text is not None and not _is_ours(text):
            raise StorageError(
                f"{folder / name}",
                expected="no file, or one that penstock deploy wrote",
                seen="one without its first line",
                remedy="move it away, or give another --out",
            )
    for name, text in files.items():
        if before[name] == text:
            unchanged.append(name)
        else:
            write_text(folder / name, text)
            changed.append(name)
    for name, old in before.items():
        if name not in files and old is not None and _is_ours(old):
            (folder / name).unlink()
            removed.append(name)
    return Written(tuple(changed), tuple(unchanged), tuple(removed))


def read(path: Path) -> str | None:
    """Returns a file's text, or None if there is no file.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise storage_error(path, error) from error


def _headed(text: str) -> str:
    if text.startswith("#!"):
        first, _, rest = text.partition("\n")
        return f"{first}\n{_HEADER}{rest}"
    return _HEADER + text


def _is_ours(text: str) -> bool:
    return _HEADER in text[:200]


class _Dumper(yaml.SafeDumper):
    """A dumper that writes multi-line text as blocks and uses no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(documents: list[Any]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
