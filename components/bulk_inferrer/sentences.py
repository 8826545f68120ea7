"""What a batch of predictions is, in sentences, for the last lines of a run and its report."""

from __future__ import annotations

from components.bulk_inferrer.result import Predictions


def predicted(result: Predictions) -> str:
    """Returns what was predicted by which model into which file, or why nothing was."""
    if not result.predicted:
        short = "; ".join(reason.partition(":")[0] for reason in result.why) or "no model is blessed"
        return f"Nothing was predicted: {short}."
    if not result.rows:
        return (
            f"Predicted: no documents in {result.export or 'the export'}; {result.destination} has no rows."
        )
    left_out = f", {_times(result.quarantined, 'document')} could not be read" if result.quarantined else ""
    return (
        f"Predicted: {_times(result.rows, 'document')}{left_out}, by {_model(result)}: {result.destination}"
    )


def unidentified(result: Predictions) -> list[str]:
    """Returns a sentence for each reason why predictions cannot be led back to their documents."""
    said = []
    if result.without_id:
        said.append(
            f"{_times(result.without_id, 'document')} of {result.export} had no _id: predicted, but without a key"
        )
    if result.repeated_ids:
        said.append(
            f"{_times(result.repeated_ids, 'prediction')} of {result.export} have an _id that is there twice"
        )
    if result.predicted and result.out_of_order:
        said.append("predictions are not in the order of the export, as its change events were folded")
    return said


def _model(result: Predictions) -> str:
    used = result.model
    if used is None:
        return "a model that an older Penstock did not name"
    version = f"version {used.version}" if used.version is not None else "a model that is not pushed"
    run = f" of run {used.run}" if used.run else ""
    why = "" if used.this_run else ", as this run's is not blessed"
    other = f" (version {used.served} is served)" if used.served not in (None, used.version) else ""
    return f"{version}{run}{why}{other}"


def _times(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
