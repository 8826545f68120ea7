"""Notes on changes that a running server does not apply as expected."""

from __future__ import annotations

from collections.abc import Iterator

from serving.deploy.document import DeployDocument
from serving.deploy.text_files import MODELS
from serving.server.config.model_config import ModelConfig, parse_config
from serving.server.status import ServingError


def notes(document: DeployDocument, before: str | None) -> list[str]:
    """Returns warnings to read before applying the files.

    Args:
        document: The new document.
        before: The text of the model configuration in the output folder; None if there is none.
    """
    return [
        *_drifting_labels(document),
        *(_refused_moves(document, before) if before else ()),
        *_undone_promotions(document),
    ]


def _drifting_labels(document: DeployDocument) -> Iterator[str]:
    for name, model in document.models.items():
        if model.labels and not model.versions.all and not model.versions.specific:
            yield (
                f"{name}: its labels name fixed versions, but the newest {model.versions.latest} are served; a label "
                "whose version is unloaded answers NOT_FOUND. List the versions, or serve all"
            )


def _refused_moves(document: DeployDocument, before: str) -> Iterator[str]:
    """Yields label moves that a running server would refuse forever.

    It checks labels before it applies anything. A label in use cannot move to a version that is not loaded, and one
    that only this change adds never gets loaded.
    """
    try:
        old = {model.name: model for model in parse_config(before, MODELS).models}
    except ServingError:
        return
    for name, model in document.models.items():
        for label, version in model.labels.items():
            if name in old and _is_refused(old[name], label, version):
                yield (
                    f"{name}: label {label} moves from {old[name].labels[label]} to {version} in the same change that "
                    f"asks for version {version}. A running server refuses the whole list. Apply the versions first, "
                    "and the label when the version is AVAILABLE; or restart the servers"
                )


def _undone_promotions(document: DeployDocument) -> Iterator[str]:
    if document.router is not None and document.labelled and document.config_poll_seconds:
        yield (
            f"the server rereads models.config every {document.config_poll_seconds} s, which takes back a label that "
            "'penstock experiment promote' has moved. Set config_poll_seconds: 0, and move the label here too "
            "once it is promoted"
        )


def _is_refused(old: ModelConfig, label: str, version: int) -> bool:
    moves = old.labels.get(label, version) != version
    return moves and old.policy.kind == "specific" and version not in old.policy.versions
