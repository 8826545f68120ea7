"""A test double of model servers at the network's edge: labels by TF Serving's rules, and failures on demand."""

from __future__ import annotations

from pathlib import Path

from serving.client.errors import RefusedError, UnavailableError
from serving.codes import Code
from serving.promotion.model_config import labels, parsed
from serving.promotion.servers import Server

CONFIG = """\
model_config_list {{
  config {{
    name: "m"
    base_path: "/models/m"
    model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    {labels}
  }}
}}
"""


def config(**versions: int) -> str:
    lines = "\n    ".join(
        f'version_labels {{ key: "{label}" value: {at} }}  # {label}' for label, at in versions.items()
    )
    return CONFIG.format(labels=lines)


class Double(Server):
    """A server with versions 1, 2 and 3 of model m.

    Args:
        name: Its name.
        file: Its model configuration file, written if missing.
        versions: What is loaded.
    """

    def __init__(self, name: str, file: Path, versions: tuple[int, ...] = (1, 2, 3)) -> None:
        self.name, self.file, self.versions = name, file, versions
        if not file.exists():
            file.write_text(config(stable=1, canary=2))
        self.labels = labels(parsed(file.read_text(), "f"), "m") or {}
        self.reloads: list[dict[str, int]] = []
        self.refuses = 0
        self.silent = False
        self.deaf = False

    def version_of(self, model: str, label: str = "", version: int | None = None) -> int | None:
        if self.silent:
            raise UnavailableError(Code.UNAVAILABLE, "no connection")
        wanted = self.labels.get(label) if label else version if version is not None else max(self.versions)
        return wanted if model == "m" and wanted in self.versions else None

    def reload(self, text: str) -> None:
        if self.refuses:
            self.refuses -= 1
            raise RefusedError(Code.FAILED_PRECONDITION, "Request to assign label to version 2 of model m")
        wanted = labels(parsed(text, "f"), "m") or {}
        self.reloads.append(wanted)
        if not self.deaf:
            self.labels = wanted

    def close(self) -> None:
        pass
