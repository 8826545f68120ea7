"""The node that turns raw features into model inputs.

It runs alongside validation instead of waiting for it; if validation stops the run, its work is wasted.
"""

from __future__ import annotations

from components.node import EXAMPLES, SCHEMA, Declaration, label_settings, own_code

NODE = Declaration(
    "Transform",
    phase="model",
    build="components.transform.component:build",
    inputs={"examples": EXAMPLES, "schema": SCHEMA},
    beam=True,
    elsewhere="addresses",
    settings=lambda document, inputs: [
        document.features.model_dump(mode="json"),
        label_settings(document),
    ],
    user_code=lambda document, inputs: own_code(inputs.code_folder, document.features.preprocessing_fn),
)
