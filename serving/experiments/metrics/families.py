"""The names of all metrics, by Prometheus' conventions: base units, ``_total``, labels of few values."""

from __future__ import annotations

from typing import Final, NamedTuple


class Family(NamedTuple):
    """A metric family.

    Attributes:
        name: Its name; of a counter without ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        labels: The names of its labels.
        text: Its help.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


_ARM: Final = ("experiment", "arm")
_ANSWER: Final = (*_ARM, "model", "version", "api")
BUCKETS: Final = (
    0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05,
    0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0,
)  # fmt: skip
"""Upper bounds of the latency histograms in seconds; written out, since generated ones change with their arithmetic."""
WINDOW_SECONDS: Final = 300
WINDOW: Final = "5m"
"""The window of the gauges of predictions; counters leave the window to the query."""

REQUESTS: Final = Family(
    "penstock_requests",
    "counter",
    (*_ANSWER, "code"),
    "Answers that clients got, by gRPC code; REST statuses are translated.",
)
ERRORS: Final = Family(
    "penstock_request_errors", "counter", (*_ANSWER, "code"), "Those of them that are errors."
)
DURATION: Final = Family(
    "penstock_request_duration_seconds",
    "histogram",
    _ANSWER,
    "How long answers took, as the data plane saw it.",
)
FALLBACKS: Final = Family(
    "penstock_fallbacks", "counter", _ARM, "Answers that came from control because the arm failed."
)
SHADOWS: Final = Family(
    "penstock_shadow_requests", "counter", (*_ANSWER, "code"), "Answers of copies, which no client sees."
)
SHADOW_DURATION: Final = Family(
    "penstock_shadow_request_duration_seconds", "histogram", _ANSWER, "How long answers of copies took."
)
PREDICTIONS: Final = Family(
    "penstock_predictions", "counter", (*_ARM, "output"), "Numbers in answers, without NaN."
)
PREDICTION_NAN: Final = Family(
    "penstock_prediction_nan",
    "counter",
    (*_ARM, "output"),
    "NaN, infinite and absurdly large numbers in answers (from 1e150).",
)
PREDICTION_MEAN: Final = Family(
    "penstock_prediction_mean",
    "gauge",
    (*_ARM, "output", "window"),
    "Mean of the numbers in answers of the window.",
)
PREDICTION_MIN: Final = Family(
    "penstock_prediction_min",
    "gauge",
    (*_ARM, "output", "window"),
    "Smallest number in answers of the window.",
)
PREDICTION_MAX: Final = Family(
    "penstock_prediction_max",
    "gauge",
    (*_ARM, "output", "window"),
    "Largest number in answers of the window.",
)
PREDICTION_DEVIATION: Final = Family(
    "penstock_prediction_stddev",
    "gauge",
    (*_ARM, "output", "window"),
    "Standard deviation of the numbers in answers of the window.",
)
INPUT_ROWS: Final = Family("penstock_input_rows", "counter", _ARM, "Rows of requests whose inputs were read.")
INPUT_MISSING: Final = Family(
    "penstock_input_missing",
    "counter",
    (*_ARM, "input"),
    "Rows without a value of an input that others have.",
)
INPUT_NAN: Final = Family(
    "penstock_input_nan", "counter", (*_ARM, "input"), "Rows with NaN or an infinite number in an input."
)
UNREAD: Final = Family(
    "penstock_unread_requests",
    "counter",
    _ARM,
    "Requests whose inputs could not be read: malformed, or too large.",
)
REWARD_UNITS: Final = Family(
    "penstock_reward_units",
    "gauge",
    (*_ARM, "state"),
    "Units whose reward is counted (matured) or awaited (pending), in the shared state: the same on every replica.",
)
REWARD_SUM: Final = Family(
    "penstock_reward_value_sum", "gauge", _ARM, "Sum of the rewards of matured units, in the shared state."
)
REWARDS_RECEIVED: Final = Family(
    "penstock_rewards_received",
    "counter",
    ("experiment", "status"),
    "Rewards that this process was sent: accepted, repeated, conflicting, late or unknown.",
)
WEIGHT: Final = Family(
    "penstock_assignment_weight", "gauge", _ARM, "Share of the experiment's new units that the arm gets now."
)
ARM_IN: Final = Family("penstock_arm_in", "gauge", _ARM, "1 if the arm takes part, 0 if it was taken out.")
SRM: Final = Family(
    "penstock_sample_ratio_mismatch",
    "gauge",
    ("experiment",),
    "1 if the arms' units do not fit their shares: the comparison cannot be trusted.",
)
SLOT_TABLE: Final = Family(
    "penstock_slot_table_version",
    "gauge",
    ("experiment",),
    "Version of the slot table in force; replicas that differ for long do not see the same state.",
)
LOG_ROWS: Final = Family(
    "penstock_log_rows", "counter", ("experiment",), "Rows written to the prediction log."
)
LOG_DROPPED: Final = Family(
    "penstock_log_dropped_requests",
    "counter",
    ("reason",),
    "Requests that could not be logged: disk, or error.",
)
LOG_COLUMNS: Final = Family(
    "penstock_log_columns_left_out",
    "gauge",
    (),
    "Names of inputs and outputs without a column in the log, because there are too many.",
)
FAILURES: Final = Family(
    "penstock_failures",
    "counter",
    ("part",),
    "Failures of the machinery behind the answers, such as state, log or guardrails; no answer failed for them.",
)
BACKEND_CPU: Final = Family(
    "penstock_backend_cpu_seconds",
    "counter",
    ("backend",),
    "CPU time of the process behind a backend on this machine.",
)
BACKEND_MEMORY: Final = Family(
    "penstock_backend_resident_memory_bytes",
    "gauge",
    ("backend",),
    "Resident memory of the process behind a backend on this machine; arms on one backend share it.",
)
ARM_CPU: Final = Family(
    "penstock_arm_cpu_seconds_estimated",
    "counter",
    _ARM,
    "CPU time of its backend's process, divided between arms by the time that their answers took: exact for an arm with a backend of its own, and no other traffic there; an estimate otherwise.",
)
BUILD: Final = Family("penstock_build_info", "gauge", ("version", "python"), "1, with the version of Penstock.")  # fmt: skip

FAMILIES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""All families, in the order of this file."""


def samples(family: Family) -> set[str]:
    """Returns the names of a family's samples, as queries use them."""
    ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}[family.kind]
    return {family.name + end for end in ends}
