"""Text ModelServerConfigs, written line by line as users do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Model:
    """One ``config { ... }``; ``policy`` is the text inside ``model_version_policy { ... }``."""

    name: str
    base: Path | str
    policy: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    platform: str = 'model_platform: "tensorflow"'
    more: str = ""

    def text(self) -> str:
        labels = " ".join(
            f'version_labels {{ key: "{label}" value: {version} }}' for label, version in self.labels.items()
        )
        policy = f"model_version_policy {{ {self.policy} }}" if self.policy else ""
        body = f'name: "{self.name}" base_path: "{self.base}" {self.platform} {policy} {labels} {self.more}'
        return f"config {{ {body} }}"


def config_text(models: Iterable[Model]) -> str:
    """A whole ``model_config_list { ... }``."""
    return "model_config_list {\n" + "\n".join(model.text() for model in models) + "\n}\n"


def specific(*versions: int) -> str:
    """The policy with specific versions."""
    return "specific { " + " ".join(f"versions: {version}" for version in versions) + " }"
