"""Reads the deploy document from YAML; reports all errors at once, with line and nearest match."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foundation.document.kind import Kind
from foundation.document.nodes import Node
from foundation.document.problems import SpecErrors
from foundation.document.reader import read_file, read_root
from foundation.document.validate import placed, validated
from serving.deploy.checks import contradictions
from serving.deploy.document import PATTERNS, DeployDocument

DEPLOY: Final[Kind[DeployDocument]] = Kind(
    DeployDocument,
    usual_name="serving.yaml",
    if_missing="check the path, or leave it out to serve the pipeline's own model",
    if_empty="name and models are required",
    strict=False,
    patterns=PATTERNS,
)
"""How the document of ``penstock deploy`` is read and typed."""


def read_document(path: Path) -> DeployDocument:
    """Reads and checks a document.

    Raises:
        SpecErrors: It is missing, not YAML, or wrong; one line for each problem.
        StorageError: The file cannot be read.
    """
    return _checked(read_file(path, DEPLOY))


def parse_document(text: str, source: str) -> DeployDocument:
    """Reads and checks a document's text.

    Args:
        text: The YAML.
        source: The document's name, for messages.

    Raises:
        SpecErrors: It is not YAML or wrong; one line for each problem.
    """
    return _checked(read_root(text, source, DEPLOY))


def _checked(root: Node) -> DeployDocument:
    document = validated(root, DEPLOY)
    problems = placed(contradictions(document), root)
    if problems:
        raise SpecErrors(problems)
    return document
