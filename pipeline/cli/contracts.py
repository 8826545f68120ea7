"""The contracts that are generated into ``schema/`` as text: one line each in ``CONTRACTS``.

``scripts/schemas`` writes them anew; a test says when they are stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from foundation.document.json_schema import Schema, schema_text
from foundation.publish import write_text

DOCUMENTS = {
    "pipeline": "pipeline.document.json_schema:document_schema",
    "deploy": "serving.deploy.json_schema:document_schema",
}
"""Name of a document → the function that returns its JSON Schema."""

CONTRACTS = {f"documents/{name}.json": function for name, function in DOCUMENTS.items()}
"""Path below ``schema/`` → the function that returns the JSON Schema in that file."""


def contract_text(function: str) -> str:
    """Returns the text of a JSON Schema.

    Args:
        function: What returns it, ``package.module:function``; imported here, so that ``penstock spec`` loads one.
    """
    module, _, name = function.partition(":")
    returns_schema: Callable[[], Schema] = getattr(import_module(module), name)
    return schema_text(returns_schema())


def main() -> None:
    """Writes all contracts below the folder that the command line names."""
    for path, function in CONTRACTS.items():
        write_text(Path(sys.argv[1]) / path, contract_text(function))


if __name__ == "__main__":
    main()
