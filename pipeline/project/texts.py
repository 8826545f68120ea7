"""The texts of a new project: document, test, README; with names and types from the export.

Of values, only the one of two classes that counts as positive is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.document.models import has_spans
from pipeline.project import gates
from pipeline.project.labels import Label
from pipeline.project.profile import ExportProfile, FieldProfile
from pipeline.project.uses import Use

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_MOST_COMMENTS = 40
RESERVED = frozenset({"declared", "preprocessing_fn", "overall", *_WORDS})
"""Words that cannot be used unquoted as a feature name."""


@dataclass(frozen=True)
class Plan:
    """What the texts are written from."""

    name: str
    export: str
    """Its path in the document."""
    profile: ExportProfile
    label: Label
    uses: tuple[Use, ...]
    """All fields but the label."""
    features: dict[str, str]
    """Dotted path → feature name, for the label and all used fields."""
    split_by: str
    slices: tuple[FieldProfile, ...]
    linear: bool = False
    """Whether a linear model predicts the sample better than trees do."""


def quoted(text: str) -> str:
    """Returns text as a YAML scalar on one line: plain if that is safe, else in double quotes with escapes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """Returns text as it stands between double quotes in YAML."""
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def document(plan: Plan) -> str:
    """Returns the document, commented."""
    return (
        "\n".join([*_head(plan), *_data(plan), *_features(plan), *_model(plan), *_evaluate(plan), *_rest()])
        + "\n"
    )


def _head(plan: Plan) -> list[str]:
    values = "no values" if plan.label.positive is None else "no values but that of the positive class"
    return [
        f"# Written by penstock init from names and types in {plan.profile.documents} documents; contains {values}.",
        "# Read it through once; everything here is a guess for you to change.",
        "#",
        "#   penstock plan     show what a run would do",
        "#   penstock run      run it",
        "",
        f"name: {plan.name}",
        "",
    ]


def _data(plan: Plan) -> list[str]:
    label = plan.label
    lines = [
        "data:",
        f"  mongo_export: {quoted(plan.export.replace('${', '$${'))}",
        *_about_spans(plan),
        *(["  changes: {}   # folded to the last state of each document"] if plan.profile.changes else []),
        "  # Dotted path in the documents → feature. Only these fields are read.",
        "  fields:",
    ]
    used = [(use.field, use.type) for use in plan.uses if use.transformations]
    for field, kind in [*used, (label.field, label.type)]:
        lines.append(f"    {quoted(field.path)}: {_field(field, kind, plan)}")
    lines += [f"  label: {plan.features[label.field.path]}   # {label.reason}"]
    lines += (
        [f"  # Other candidates: {', '.join(quoted(path) for path in label.others)}"] if label.others else []
    )
    lines += [
        "  # The feature with the time of the prediction; anything dated after it would leak the label.",
        "  # recorded_at: observed_at",
        "  # Documents with the same key stay in one split: early stopping uses validation, only the gates use test.",
        *_split(plan),
        "  bad_documents: {quarantine: true, fail_above: 0.1%}",
        "",
    ]
    return lines


def _about_spans(plan: Plan) -> list[str]:
    if has_spans(plan.export):
        one = "1" if "{SPAN}" in plan.export else "20240131"
        return [
            f"  # One folder per export; the newest is read, or choose one with penstock run --set data.span={one}."
        ]
    return ["  # For regular exports, use one folder each: exports/{SPAN}/*.jsonl.gz reads the newest."]


def _split(plan: Plan) -> list[str]:
    by = f"by: {quoted(plan.split_by)}, train: 7, validation: 1, test: 2"
    if not gates.is_stratified(plan.profile, plan.label):
        return [f"  split: {{{by}}}"]
    return [
        "  # Stratified, as the rarest class has few documents: each split has its share of them.",
        f"  split: {{{by}, stratify: {quoted(plan.label.field.path)}}}",
    ]


def _field(field: FieldProfile, kind: str | None, plan: Plan) -> str:
    parts = [f"to: {plan.features[field.path]}"]
    parts += [f"type: {kind}"] if kind else []
    parts += ["list: true"] if field.is_array else []
    return "{" + ", ".join(parts) + "}"


def _features(plan: Plan) -> list[str]:
    lines = [
        "# The first run infers the data schema, for you to review: penstock schema infer, diff, approve.",
        "validate:",
        "  on_anomaly: stop   # or warn",
        *_drift(plan),
        "",
        "# How each field is transformed for the model: one transformation, or a list.",
        "features:",
    ]
    for use in plan.uses:
        if use.transformations:
            one = len(use.transformations) == 1
            shown = use.transformations[0] if one else f"[{', '.join(use.transformations)}]"
            lines.append(f"  {plan.features[use.field.path]}: {shown}   # {use.reason}")
    idle = [use for use in plan.uses if not use.transformations]
    lines += ["  # Not read:"] if idle or plan.profile.left_out else []
    lines += [f"  #   {quoted(use.field.path)}: {use.reason}" for use in idle[:_MOST_COMMENTS]]
    lines += [f"  #   and {len(idle) - _MOST_COMMENTS} more"] if len(idle) > _MOST_COMMENTS else []
    lines += [
        f"  #   {quoted(path)}: its keys are data or cannot be written as a path"
        for path in plan.profile.left_out
    ]
    return [*lines, ""]


def _drift(plan: Plan) -> list[str]:
    """Returns the comparison of each span with the one before it, where the export has spans."""
    compared = [use for use in plan.uses if use.transformations and _drifts(use)]
    if not has_spans(plan.export) or not compared:
        return []
    return [
        "  # Each span is compared with the one before it, by a test that is right at any number of rows.",
        "  drift:",
        *(f"    {plan.features[use.field.path]}: calibrated" for use in compared),
    ]


def _drifts(use: Use) -> bool:
    """Returns whether a feature can stay as it was: dates move on, and texts and ids are ever new."""
    new = use.field.type == "date" or use.transformations[0].startswith(("{text", "{hash"))
    return not new and not use.field.is_array


def _model(plan: Plan) -> list[str]:
    positive = plan.label.positive
    shown = f'"{escaped(positive)}"' if isinstance(positive, str) else positive
    told = "" if positive is None else f", positive: {shown}"
    return [
        "# Or use your own code: model: model.py:build_model, features: features.py:preprocessing_fn",
        *(["# positive is the value of the label that counts as 1; the other is 0."] if told else []),
        "# Size, steps, batch size and learning rate are chosen by the number of rows, and the run says what was chosen.",
        *(
            [
                "# Linear, as boosted trees did not predict this sample better; leave type out when there are more documents."
            ]
            * plan.linear
        ),
        f"model: {{{'type: linear, ' if plan.linear else ''}task: {plan.label.task}{told}}}",
        *(
            [
                "train: {early_stopping: null}   # its penalty keeps it from overfitting; few rows stop it too soon"
            ]
            * plan.linear
        ),
        "",
    ]


def _evaluate(plan: Plan) -> list[str]:
    names = [plan.features[field.path] for field in plan.slices]
    return [
        "evaluate:",
        f"  metrics: {gates.METRICS[plan.label.task]}",
        f"  slices: [{', '.join(names)}]   # how well does it do on each of them?",
        "  # A model that fails a gate is never pushed: it has to beat always giving one answer, and not to lose to a linear",
        "  # model or the last blessed one. Tighten these once you know what is achievable.",
        "  gates:",
        f"    {gates.gate(plan.profile, plan.label, plan.split_by != '_id')}",
        "",
    ]


def _rest() -> list[str]:
    return [
        "push: {to: serving_models, keep_versions: 5}",
        "",
        "# A search for hyperparameters before training:",
        "# tune: {algorithm: bayesian, trials: 10, minutes: 10}",
    ]


TEST = '''"""Checks that the document is valid and fits the export; quick enough for every commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.exports.readers import sample_documents
from pipeline.document import LoadedSpec, load

DOCUMENT = Path(__file__).resolve().parents[1] / "pipeline.yaml"


@pytest.fixture(scope="module")
def loaded() -> LoadedSpec:
    """The checked document; a mistake in it fails the tests and shows its line."""
    return load([DOCUMENT])


def test_the_label_is_not_a_feature(loaded: LoadedSpec) -> None:
    assert loaded.spec.data.label not in loaded.spec.features.declared


def test_every_field_is_in_the_export(loaded: LoadedSpec) -> None:
    data = loaded.spec.data
    documents = list(sample_documents(data.mongo_export, loaded.folder, limit=2000, span=data.span, format=data.format))
    assert documents, "no document could be read"
    absent = [path for path in loaded.spec.ingested_fields() if not any(holds(each, path.split(".")) for each in documents)]
    assert absent == [], "no document in the sample has these fields"


def holds(value: object, parts: list[str]) -> bool:
    """Returns whether a document has a path, also through arrays."""
    if isinstance(value, list):
        return any(holds(item, parts) for item in value)
    if not parts:
        return value is not None
    return isinstance(value, dict) and parts[0] in value and holds(value[parts[0]], parts[1:])
'''

IGNORED = """# Created by runs; can be recreated.
.penstock/
bundles/
serving_models/
predictions/
__pycache__/

# Real people's documents do not belong in version control.
exports/
quarantine/
"""


def readme(plan: Plan) -> str:
    """Returns the README, about one screen long."""
    return f"""# {plan.name}

Learns `{plan.features[plan.label.field.path]}` from a MongoDB export. `pipeline.yaml` defines everything, with comments.

| | |
|---|---|
| `penstock plan` | what a run would do, and why |
| `penstock run` | validate, train, evaluate, push; unchanged steps are not repeated |
| `penstock status` | how the last run ended |
| `penstock schema infer`, then `penstock schema diff` | how the last run's data differs from the reviewed schema |
| `penstock lineage MODEL` | which export a model came from |
| `python -m pytest` | checks that the document is valid and fits the export |

To start, run `penstock run`, read the report it names, then review the schema it inferred for
`schema/{plan.name}/schema.pbtxt`. Once it says what your data must be, run `penstock schema approve`.

Documents, models and artifacts are in `.gitignore`; `pipeline.yaml`, `schema/` and `tests/` belong in version control.
"""
