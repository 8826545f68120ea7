"""Whether the label can be learnt and judged: its positive value, and both classes in each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from components.transform.positive import positive_values
from foundation.coarse import FEWEST
from foundation.document.problems import Path, Problem
from foundation.errors import DataError, SpecError, near_miss
from foundation.personal.looks import look_of
from pipeline.document.loader import LoadedSpec
from pipeline.preflight.remarks import Remark, of_document

if TYPE_CHECKING:
    from components.mongo_example_gen.preview import Preview

_MOST_TOLD = 5
_LONGEST = 40


def remarks(loaded: LoadedSpec, seen: Preview) -> list[Remark]:
    """Returns what is wrong with the label."""
    found = _weights(loaded, seen)
    if loaded.spec.model.task != "binary":
        return [*found, *_gates(loaded, seen)]
    column = next(column for column in seen.plan.columns if column.feature == seen.plan.label)
    try:
        wanted = positive_values(
            column.feature, loaded.spec.model.positive, column.type in ("string", "bytes")
        )
    except SpecError as error:
        problem = Problem(
            ("model", "positive"), "", error.expected, f"{error.seen}; {told(seen)}", _remedy(seen)
        )
        return [*found, *of_document(loaded, [problem], certain=seen.whole or column.declared)]
    values = [one.encode() if isinstance(one, str) else one for one in wanted]
    hits = [value in values for value in seen.labels]
    if not any(hits):
        return [*found, *_no_positive(loaded, seen, [str(one) for one in wanted])]
    if loaded.spec.model.positive is None and len(set(seen.labels)) > 2:
        where: Path = ("model", "task")
        what = f"of {len(set(seen.labels))} values of the label only {_words(wanted)} counts as positive"
        problem = Problem(where, what, seen=told(seen), remedy="say model.positive, or use task: multiclass")
        found += of_document(loaded, [problem], certain=False)
    split = list(_splits(loaded, seen, hits))
    return [*found, *split, *(_gates(loaded, seen, hits) if not any(one.certain for one in split) else ())]


def _no_positive(loaded: LoadedSpec, seen: Preview, wanted: list[str]) -> list[Remark]:
    """Returns that no label is positive: certain once there are two other values, as a binary label has no third."""
    given = loaded.spec.model.positive is not None
    where: Path = ("model", "positive") if given else ("model", "task")
    what = f"none of {len(seen.labels):,} labels is the positive value"
    expected = _words(wanted) + ("" if given else ", as model.positive is not given")
    remedy = near_miss(wanted[0], _told_values(seen)) if given else ""
    problem = Problem(where, what, expected, told(seen), remedy or _remedy(seen))
    return of_document(loaded, [problem], certain=seen.whole or len(set(seen.labels)) > 1)


def _words(wanted: Any) -> str:
    return " or ".join(repr(one) for one in wanted)


def _remedy(seen: Preview) -> str:
    values = _told_values(seen)
    shown = " or ".join(f'positive: "{v}"' if not _is_number(v) else f"positive: {v}" for v in values[:2])
    return f"say which value counts as 1 under model: {shown}" if shown else "say model.positive"


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else f"{value:g}"


def _told_values(seen: Preview) -> list[str]:
    """Returns the values of the label that may be told, the commonest first: several documents have each."""
    counts = Counter(_text(value) for value in seen.labels)
    return [
        value
        for value, times in counts.most_common()
        if times >= FEWEST and len(value) <= _LONGEST and look_of(value) is None
    ]


def told(seen: Preview) -> str:
    """Returns the values of the label in words: those of several documents by name, the others by number."""
    counts = Counter(_text(value) for value in seen.labels)
    shown = _told_values(seen)[:_MOST_TOLD]
    more = len(counts) - len(shown)
    parts = [f"{value!r} {counts[value]:,} times" for value in shown]
    parts += [f"{more} {'more' if shown else 'different'} value{'s' * (more > 1)}"] if more else []
    return " and ".join(filter(None, (", ".join(parts[: len(shown)]), *parts[len(shown) :])))


def _splits(loaded: LoadedSpec, seen: Preview, hits: list[bool]) -> Iterator[Remark]:
    """Yields splits without a positive or a negative label."""
    names = seen.plan.splits
    counts = Counter(zip(seen.splits.tolist(), hits, strict=True))
    for number, split in enumerate(names):
        there = counts[number, True] + counts[number, False]
        for positive, word in ((True, "positive"), (False, "negative")):
            if not there or counts[number, positive]:
                continue
            gated = loaded.spec.evaluate.gates != "none"
            matters = split == "train" or (split == "test" and gated)
            yield Remark(
                DataError(
                    f"split {split!r}"
                    if seen.whole
                    else f"split {split!r} in {seen.documents:,} documents of the export",
                    expected="positive and negative labels",
                    seen=f"no {word} one among {there:,} rows, {_all(counts, positive)} {word} in all splits",
                    remedy=_more(loaded),
                ),
                certain=seen.whole and matters,
            )


def _all(counts: Counter[tuple[int, bool]], positive: bool) -> int:
    return sum(times for (_, hit), times in counts.items() if hit == positive)


def _more(loaded: LoadedSpec) -> str:
    split = loaded.spec.data.split
    if split.stratify or split.by_time:
        return "export more documents, or change the bounds or shares under data.split"
    path = next(
        (p for p, f in loaded.spec.ingested_fields().items() if (f.to or p) == loaded.spec.data.label), ""
    )
    return f"write stratify: {path or 'the path of the label'} under data.split, or export more documents"


def _gates(loaded: LoadedSpec, seen: Preview, hits: list[bool] | None = None) -> list[Remark]:
    """Returns gates that cannot decide on as many rows, positives and negatives as the test split has."""
    from components.evaluation_gate.questions import too_few

    evaluate = loaded.spec.evaluate
    if evaluate.gates == "none" or not seen.whole:
        return []
    test = (seen.splits == seen.plan.splits.index("test")).tolist()
    rows = sum(test)
    positives = None if hits is None else sum(hit for hit, chosen in zip(hits, test, strict=True) if chosen)
    problems = []
    for name, gate in evaluate.gates.items():
        found = too_few(name, gate, rows, positives, None if positives is None else rows - positives)
        if found and "overall" in gate.slices:
            what = f"no model of this run can be blessed: the test split has {found[0]}"
            problems.append(Problem(("evaluate", "gates", name), what, remedy=found[1], on_key=True))
    return of_document(loaded, problems, certain=False)


def _weights(loaded: LoadedSpec, seen: Preview) -> list[Remark]:
    """Returns class weights for values that no label has."""
    weights = loaded.spec.train.class_weights
    if not isinstance(weights, dict) or loaded.spec.model.task != "multiclass":
        return []
    values = {_text(value) for value in seen.labels}
    problems = [
        Problem(
            ("train", "class_weights", value),
            "no label has this value",
            seen=told(seen),
            remedy=near_miss(value, _told_values(seen)),
            on_key=True,
        )
        for value in weights
        if value not in values
    ]
    return of_document(loaded, problems, certain=seen.whole)
