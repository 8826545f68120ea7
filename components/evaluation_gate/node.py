"""The node that blesses a model or refuses it."""

from __future__ import annotations

from components.node import Declaration

NODE = Declaration(
    "EvaluationGate",
    phase="evaluation",
    build="components.evaluation_gate.component:build",
    tensorflow=False,
    inputs={
        "evaluation": "Evaluator.evaluation",
        "model": "Trainer.model",
        "baseline_model": "BaselineModel.model",
        "baseline_blessing": "BaselineModel.model_blessing",
    },
    settings=lambda document, inputs: [
        document.evaluate.model_dump(mode="json", include={"gates", "metrics", "slices"}),
        document.model.task,
    ],
    result=("verdict", "components.evaluation_gate.result:Verdict"),
)
