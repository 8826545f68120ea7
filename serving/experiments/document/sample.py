"""The commented document that ``penstock experiment init`` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

_DOCUMENT: Final = """\
# yaml-language-server: $schema=experiments.schema.json
# ('penstock spec experiments --out experiments.schema.json' writes the schema, for completion in your editor.)
#
# Check it with 'penstock experiment check', start it with 'penstock experiment start NAME'.
# A running router or server takes changes of this file without a restart.

experiments:
  {name}:
    model: {model}          # the name that clients ask for
    unit: {{header: penstock-unit}}   # the same unit always gets the same arm; or {{feature: user_id}}, or request
    share: 100%             # how many of the units take part
    control: old            # the arm that the others are compared with
    arms:
      old: {{version: {old}, weight: 90%}}
      new: {{version: {new}, weight: 10%}}     # or {{label: canary}}, or {{model: …, backend: …}}
    reward:
      metric: {metric}
      type: binary          # 0 or 1; or number
      window: 1d            # how long after a unit's first request its reward may arrive
    # fallback: control     # control answers where an arm fails; by default clients see the arm's own error

state: experiments.db       # several routers: {{postgresql: NAME_OF_ENVIRONMENT_VARIABLE}}

# Only for 'penstock route', the router in front of TF Serving; 'penstock serve' needs none.
# backends:
#   main: {{grpc: "127.0.0.1:8500", rest: "127.0.0.1:8501"}}

# log: {{directory: predictions}}           # the prediction log; each answer with its arm and propensity
# tokens: {{reward: REWARD_TOKEN, control: CONTROL_TOKEN}}   # names of environment variables
"""


def sample(model: str, versions: Sequence[int]) -> str:
    """Returns a document with one experiment between two versions of a model.

    Args:
        model: The name that clients ask for.
        versions: The versions that are there, smallest first; the two newest become the arms.
    """
    old, new = ([*versions, *(_next(versions) if len(versions) < 2 else [])] if versions else [1, 2])[-2:]
    text = (
        model
        if model.replace("_", "").replace("-", "").isalnum() and not model.isdigit()
        else json.dumps(model)
    )
    return _DOCUMENT.format(name="new_version", model=text, old=old, new=new, metric="reward")


def _next(versions: Sequence[int]) -> list[int]:
    return [max(versions) + 1]
