"""The logic of features: the project's own tests, and examples of documents with what Transform must make of them.

``tests/features.yaml`` lists examples, each with the raw fields that go ``in`` and the features that come ``out``::

    - in: {lessons: 3, country: de}
      out: {lessons_identity: 3, country_vocabulary: 1}

A field that is not given is missing. They are held against the Transform graph of the newest run, to five digits.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from foundation.errors import DataError, SpecError
from pipeline.proving.base import Finding, Project
from pipeline.runs.session import Session

EXAMPLES = "tests/features.yaml"
_TOLERANCE = 1e-5
_LAST_LINES = 15


def prove(project: Project) -> Iterator[Finding]:
    """Yields the outcome of the project's tests, and of each example."""
    session = project.session()
    folder = session.loaded.folder
    tests = sorted((folder / "tests").glob("test_*.py")) if (folder / "tests").is_dir() else []
    examples = folder / EXAMPLES
    if not tests and not examples.is_file():
        yield Finding("feature logic", "nothing to run", f"tests/test_*.py or {EXAMPLES}", False)
    if tests:
        yield _own_tests(folder, tests)
    if examples.is_file():
        yield from _examples(project, session, examples)


def _own_tests(folder: Path, tests: list[Path]) -> Finding:
    what, expected = f"{len(tests)} files of tests/", "all tests pass"
    if find_spec("pytest") is None:
        return Finding(what, "pytest is not installed; run 'pip install pytest'", expected, False)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, tests)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.strip()]
    shown = said[-1:] if done.returncode == 0 else said[-_LAST_LINES:]
    return Finding(what, " | ".join(shown) or done.stderr[-300:], expected, done.returncode == 0)


def _examples(project: Project, session: Session, file: Path) -> Iterator[Finding]:
    given = _read(file)
    _, results = project.newest(session)
    folder = results.folder("Transform", "transform_graph")
    if folder is None:
        raise DataError(
            "the newest run", expected="a Transform graph", seen="none", remedy="run 'penstock run' first"
        )
    made = _transformed(str(folder), session.loaded.spec.data.label, [one["in"] for one in given])
    for number, (one, features) in enumerate(zip(given, made, strict=True), 1):
        for name, wanted in one["out"].items():
            yield _compared(f"example {number}, {name}", wanted, features.get(name))


def _read(file: Path) -> list[Mapping[str, Any]]:
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    fits = isinstance(found, list) and all(
        isinstance(one, dict) and isinstance(one.get("in"), dict) and isinstance(one.get("out"), dict)
        for one in found
    )
    if not fits:
        raise SpecError(
            str(file), expected="a list of examples, each with in and out: {in: {a: 1}, out: {b: 2}}"
        )
    return list(found)


def _transformed(
    graph_path: str, label: str, documents: list[Mapping[str, Any]]
) -> list[dict[str, np.ndarray]]:
    """Returns feature → its values for each document."""
    import tensorflow as tf

    from components.trainer.transform_graph import TransformGraph

    graph = TransformGraph(graph_path, label)
    types = {name: spec.dtype for name, spec in graph.raw_spec.items()}
    texts = [_example(document, types) for document in documents]
    columns = graph.matrices.unpack(graph.of_examples(tf.constant(texts)).matrices)
    return [{name: values[row].numpy() for name, values in columns.items()} for row in range(len(texts))]


def _example(document: Mapping[str, Any], types: Mapping[str, Any]) -> bytes:
    import tensorflow as tf

    if unknown := sorted(set(document) - set(types)):
        raise SpecError(EXAMPLES, expected=f"raw fields: {', '.join(sorted(types))}", seen=", ".join(unknown))
    features = {}
    for name, value in document.items():
        values = value if isinstance(value, list) else [value]
        if types[name] == tf.string:
            features[name] = tf.train.Feature(bytes_list={"value": [str(one).encode() for one in values]})
        elif types[name] == tf.int64:
            features[name] = tf.train.Feature(int64_list={"value": [int(one) for one in values]})
        else:
            features[name] = tf.train.Feature(float_list={"value": [float(one) for one in values]})
    return bytes(tf.train.Example(features={"feature": features}).SerializeToString())


def _compared(what: str, wanted: Any, seen: np.ndarray | None) -> Finding:
    if seen is None:
        return Finding(what, "no such feature", str(wanted), False)
    number: np.ndarray = np.asarray(wanted, np.float64)
    alike = number.shape == seen.shape and bool(np.allclose(seen, number, rtol=_TOLERANCE, atol=_TOLERANCE))
    return Finding(what, str(seen.tolist()), str(wanted), alike)
