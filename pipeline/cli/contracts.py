"""The contracts generated into ``schema/`` as text: one line each in ``CONTRACTS``.

``scripts/schemas`` regenerates them; a test fails when they are stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from pathlib import Path

from foundation.document.json_schema import Schema, schema_text
from foundation.publish import write_text

DOCUMENTS = {
    "pipeline": "pipeline.document.json_schema:document_schema",
    "deploy": "serving.deploy.json_schema:document_schema",
    "experiments": "serving.experiments.document.json_schema:document_schema",
}
"""Name of a document → the function that returns its JSON Schema."""

RESULTS = {
    "bundle": "pipeline.bundle.sidecar:Sidecar",
    "evaluation": "components.evaluator.result:Evaluation",
    "history": "components.trainer.result:TrainingHistory",
    "infra_validation": "components.infra_validator.result:InfraValidation",
    "ingestion": "components.mongo_example_gen.result:Ingestion",
    "layout": "components.transform.layout:Layout",
    "predictions": "components.bulk_inferrer.result:Predictions",
    "pushed": "components.pusher.result:PushResult",
    "run": "pipeline.runs.book:RunRecord",
    "trials": "components.tuner.result:Trials",
    "validation": "components.validation_gate.result:Validation",
    "verdict": "components.evaluation_gate.result:Verdict",
    "versions": "components.pusher.result:Ledger",
}
"""Name of a result file → its class."""

CONTRACTS = {
    **{f"documents/{name}.json": function for name, function in DOCUMENTS.items()},
    **{f"results/{name}.json": f"{kind}.json_schema" for name, kind in RESULTS.items()},
    "prediction_log.json": "serving.experiments.log.schema:json_schema",
}
"""Path below ``schema/`` → the function that returns the JSON Schema in that file."""


def contract_text(function: str) -> str:
    """Returns the text of a JSON Schema.

    Args:
        function: What returns it, ``package.module:function``; imported here, so ``penstock spec`` loads just one.
    """
    module, _, name = function.partition(":")
    returns_schema: Callable[[], Schema] = attrgetter(name)(import_module(module))
    return schema_text(returns_schema())


def main() -> None:
    """Writes all contracts below the folder given on the command line."""
    for path, function in CONTRACTS.items():
        write_text(Path(sys.argv[1]) / path, contract_text(function))


if __name__ == "__main__":
    main()
