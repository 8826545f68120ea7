"""The node that measures a model on the test split, next to the last blessed one."""

from __future__ import annotations

from components.node import EXAMPLES, SCHEMA, Declaration, label_settings

NODE = Declaration(
    "Evaluator",
    phase="evaluation",
    build="components.evaluator.component:build",
    beam=True,
    elsewhere="addresses",
    inputs={
        "examples": EXAMPLES,
        "model": "Trainer.model",
        "baseline_model": "BaselineModel.model",
        "schema": SCHEMA,
    },
    settings=lambda document, inputs: [
        document.evaluate.model_dump(mode="json", exclude={"gates"}),
        label_settings(document),
        document.data.split.by,
    ],
)
