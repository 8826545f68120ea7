"""What would be deployed can be: its bundle is reproducible and whole, its model answers in the real server.

And clients that ask the version pushed before can ask this one: the contract of a model is its inputs and outputs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.trial import run_trial
from foundation.saved_model import DEFAULT_SIGNATURE, is_saved_model
from pipeline.bundle.compiling import compile_bundle
from pipeline.bundle.reading import open_bundle
from pipeline.proving.base import Finding, Project
from pipeline.proving.serving import of_run, setting
from pipeline.runs.session import Session
from serving.client.signatures import read_signatures


def prove(project: Project) -> Iterator[Finding]:
    """Yields whether bundle, model and contract are fit to be deployed."""
    session = project.session()
    yield _bundle(session)
    _, results = project.newest(session)
    served = of_run(results)
    with setting(session, served, session.loaded.spec.infra_validation or InfraValidationConfig()) as made:
        trial = run_trial(made, served.model, None)
    yield Finding("model in the server", trial.sentence, "loads, answers alike by gRPC and REST", trial.fit)
    yield _contract(session, served.model)


def _bundle(session: Session) -> Finding:
    expected = "the same digest twice, and every file as its digest says"
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as text:
        made = [compile_bundle(session.loaded, Path(text) / name).bundle for name in ("one", "two")]
        digests = [open_bundle(one.folder).sidecar.digest for one in made]
    return Finding("bundle", " and ".join(digests), expected, digests[0] == digests[1])


def _contract(session: Session, model: Path) -> Finding:
    expected = "every input and output of the version pushed last, of the same type"
    before = _pushed(session)
    if before is None:
        return Finding("contract", "no version was pushed before", expected, True)
    old, new = (read_signatures(one).get(DEFAULT_SIGNATURE) for one in (before, model))
    if old is None or new is None:
        return Finding("contract", f"no signature {DEFAULT_SIGNATURE}", expected, False)
    lost = [*_lost("input", old.inputs, new.inputs), *_lost("output", old.outputs, new.outputs)]
    return Finding("contract", "; ".join(lost) or f"as version {before.name}", expected, not lost)


def _lost(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, info in sorted(old.items()):
        if name not in new:
            yield f"{what} {name} is gone"
        elif new[name].dtype != info.dtype:
            yield f"{what} {name} is {new[name].dtype}, was {info.dtype}"


def _pushed(session: Session) -> Path | None:
    """Returns the folder of the version that was pushed last."""
    spec, folder = session.loaded.spec, session.loaded.folder
    if spec.push is None:
        return None
    place = (folder / spec.push.to).resolve()
    found = [one for one in place.rglob("*") if one.name.isdigit() and is_saved_model(one)]
    return max(found, key=lambda one: int(one.name), default=None)
