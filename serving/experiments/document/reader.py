"""Reads the document from YAML; reports all errors at once, with line and nearest match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from foundation.document.kind import Kind
from foundation.document.layers import read_layers
from foundation.document.nodes import Node
from foundation.document.problems import SpecErrors
from foundation.document.reader import read_root
from foundation.document.validate import placed, validated
from serving.experiments.document.checks import contradictions
from serving.experiments.document.models import PATTERNS, ExperimentsDocument

EXPERIMENTS: Final[Kind[ExperimentsDocument]] = Kind(
    ExperimentsDocument,
    usual_name="experiments.yaml",
    if_missing="'penstock experiment init' writes one",
    if_empty="'penstock experiment init' writes one",
    strict=False,
    patterns=PATTERNS,
    choices=(("state",), ("experiments", "*", "unit"), ("experiments", "*", "mode")),
)
"""How the document of experiments is read and typed."""


def read_document(path: Path, overrides: Sequence[str] = ()) -> ExperimentsDocument:
    """Reads and checks a document.

    Args:
        path: The YAML file.
        overrides: ``a.b=value`` options, laid over the file in order.

    Raises:
        SpecErrors: It is missing, not YAML, or wrong; one line for each problem.
        StorageError: The file cannot be read.
    """
    return _checked(read_layers([path], overrides, EXPERIMENTS))


def parse_document(text: str, source: str) -> ExperimentsDocument:
    """Reads and checks a document's text.

    Args:
        text: The YAML.
        source: The document's name, for messages.

    Raises:
        SpecErrors: It is not YAML or wrong; one line for each problem.
    """
    return _checked(read_root(text, source, EXPERIMENTS))


def _checked(root: Node) -> ExperimentsDocument:
    document = validated(root, EXPERIMENTS)
    problems = placed(contradictions(document), root)
    if problems:
        raise SpecErrors(problems)
    return document
