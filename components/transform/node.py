"""The node that turns raw features into what the model sees.

It does not wait for the validation gate: it runs beside validation, and its work is lost where that stops the run.
"""

from __future__ import annotations

from components.node import EXAMPLES, SCHEMA, Declaration, label_settings, own_code

NODE = Declaration(
    "Transform",
    build="components.transform.component:build",
    inputs={"examples": EXAMPLES, "schema": SCHEMA},
    settings=lambda document, inputs: [
        document.features.model_dump(mode="json"),
        label_settings(document),
    ],
    user_code=lambda document, inputs: own_code(inputs.folder, document.features.preprocessing_fn),
)
