"""The newest run's model is as good as the gates of the document, and those of the command line, ask for."""

from __future__ import annotations

from collections.abc import Iterator

from components.evaluation_gate.result import OVERALL, Verdict
from foundation.errors import SpecError
from pipeline.proving.base import Finding, Project


def prove(project: Project) -> Iterator[Finding]:
    """Yields a finding for each gate of the document and each ``--at-least`` and ``--at-most``."""
    record, results = project.newest(project.session())
    verdict = results.find(Verdict)
    if verdict is None:
        yield Finding("evaluation", "no verdict", f"a verdict in run {record.id}", False)
        return
    for gate in verdict.gates:
        value = "not computed" if gate.value is None else f"{gate.value:.4g}"
        note = f" ({gate.note})" if gate.note else ""
        yield Finding(f"{gate.metric}, {gate.slice}", f"{value}{note}", gate.bound, gate.outcome != "fails")
    for name, bound, sign in _limits(project):
        yield _held(verdict, name, bound, sign)
    yield Finding("verdict", verdict.sentence, "blessed", verdict.blessed)


def _limits(project: Project) -> Iterator[tuple[str, float, str]]:
    for option, sign in (("at_least", "≥"), ("at_most", "≤")):
        for text in project.limits.get(option) or ():
            name, _, number = text.partition("=")
            try:
                yield name, float(number), sign
            except ValueError as error:
                raise SpecError(
                    f"--{option.replace('_', '-')} {text}", expected="metric=number, as auc=0.7"
                ) from error


def _held(verdict: Verdict, name: str, bound: float, sign: str) -> Finding:
    found = next((m for m in verdict.metrics if m.metric == name and m.slice == OVERALL), None)
    if found is None or found.value is None:
        known = ", ".join(sorted({m.metric for m in verdict.metrics}))
        return Finding(name, f"not measured; measured: {known}", f"{sign} {bound:g}", False)
    passed = found.value >= bound if sign == "≥" else found.value <= bound
    return Finding(name, f"{found.value:.4g} on {found.rows:,} test rows", f"{sign} {bound:g}", passed)
