"""Reading the deploy document from YAML: all that is wrong at once, each with its line and the near miss."""

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
"""The document of ``penstock deploy``, to be read and typed."""


def read_document(path: Path) -> DeployDocument:
    """Reads and checks a document.

    Raises:
        SpecErrors: It is not there, is not YAML, or is wrong; one line for each problem.
        StorageError: The system does not let it be read.
    """
    return _checked(read_file(path, DEPLOY))


def parse_document(text: str, source: str) -> DeployDocument:
    """Reads and checks a document's text.

    Args:
        text: The YAML.
        source: What messages name.

    Raises:
        SpecErrors: It is not YAML, or is wrong; one line for each problem.
    """
    return _checked(read_root(text, source, DEPLOY))


def _checked(root: Node) -> DeployDocument:
    document = validated(root, DEPLOY)
    problems = placed(contradictions(document), root)
    if problems:
        raise SpecErrors(problems)
    return document
