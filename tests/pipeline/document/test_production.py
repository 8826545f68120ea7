"""The ``production`` section: schedules, nodes, parameters and secrets are checked where they stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from foundation.errors import SpecError
from pipeline.document.cron import PRESETS, checked_schedule
from pipeline.document.loader import LoadedSpec
from pipeline.document.parameters import refuse_others
from pipeline.document.production import ProductionConfig, resources_words

Errors = Callable[..., str]
STARTED = "production.start='2026-01-01'"


@pytest.mark.parametrize(
    "text", ["0 3 * * *", "*/15 0-6 1,15 jan-mar mon", "0 0 * * 7", "5/10 * * * SUN", *PRESETS]
)
def test_a_schedule_is_kept_as_written(load_with: Callable[..., LoadedSpec], text: str) -> None:
    assert load_with(f"production.schedule='{text}'", STARTED).spec.production.schedule == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 3 * *", "the five fields of cron"),
        ("0 24 * * *", "'24' is no hour of a schedule; expected 0 to 23"),
        ("0 3 0 * *", "no day of the month"),
        ("0 3 * * mond", "expected 0 to 7 or sun to sat"),
        ("0 3 * * fri-mon", "runs backwards"),
        ("*/0 3 * * *", "expected a step of 1 to 59"),
        ("*/x 3 * * *", "ranges and steps"),
        ("@dayly", "or one of @hourly, @daily"),
        ("@once", "or one of @hourly, @daily"),
    ],
)
def test_a_schedule_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("'", ".")):
        checked_schedule(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("production.schedule='0 99 * * *'", STARTED), "production.schedule: '99' is no hour of a schedule"),
        (("production.schedule='@daily'",), "a schedule without a start; add production.start"),
        (("production.start=soon",), "expected a date such as 2026-01-01"),
        (("production.catch_up=true",), "nothing to catch up with"),
        (("production.timezone=Europe/Zurick",), "did you mean 'Europe/Zurich'?"),
        (("production.nodes.Trainr.retries=1",), "no node 'Trainr'; did you mean 'Trainer'?"),
        (("production.nodes.Trainer.retrys=1",), "unknown key 'retrys'; did you mean 'retries'?"),
        (("production.resources.memory=4GB",), "expected an amount of memory such as 4Gi"),
        (("production.span=weeks",), "expected 'days', 'hours' or 'date' or a whole number"),
        (("production.span=days", "data.mongo_export=a.jsonl"), "the export has no spans to choose from"),
        (
            ("production.span=hours", "data.mongo_export='a/{YYYY}-{MM}-{DD}/*.jsonl'"),
            "has one span a day; seen: hours; say days or date",
        ),
        (("production.parameters=[train.stps]",), "no key 'train.stps' in the document; did you mean"),
        (("production.parameters=[root]",), "'root' cannot be changed for a run; give PENSTOCK_ROOT"),
        (("production.parameters=[data.span]",), "start it for another one"),
        (("production.parameters=['']",), "expected keys joined by dots"),
        (("production.on_failure=hooks.example.org",), "or {env: NAME}"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_with_its_place(
    errors_with: Errors, options: tuple[str, ...], said: str
) -> None:
    assert said in errors_with(*options)


def test_a_password_in_a_webhook_is_refused_and_not_shown(errors_with: Errors) -> None:
    said = errors_with("production.on_failure=https://me:very-secret@example.org/hook")
    assert "or {env: NAME}" in said and "very-secret" not in said


def test_nodes_take_what_they_do_not_say_from_all(load_with: Callable[..., LoadedSpec]) -> None:
    production = load_with(
        "production.resources={cpu: 1, memory: 4Gi}",
        "production.nodes.Trainer={timeout: 6h, resources: {gpu: 1}}",
        "production.parameters=[train.steps, evaluate.gates, features]",
    ).spec.production
    trainer = production.nodes["Trainer"]
    assert (trainer.timeout, trainer.retries, trainer.resources.gpu) == (21600.0, None, 1)


@pytest.mark.parametrize("option", ["train.steps=5", "evaluate.gates.auc=0.9"])
def test_a_run_may_change_its_parameters_and_what_is_below_them(option: str) -> None:
    refuse_others([option], ["train.steps", "evaluate.gates"])


@pytest.mark.parametrize("option", ["train={steps: 5}", "train.epochs=5", "name=other"])
def test_a_run_may_change_nothing_else(option: str) -> None:
    with pytest.raises(SpecError, match=r"expected one of production.parameters: train.steps"):
        refuse_others([option], ["train.steps"])


def test_resources_are_said_in_words(load_with: Callable[..., LoadedSpec]) -> None:
    production = load_with(
        "production.resources={cpu: 1, memory: 4Gi}", "production.nodes.Trainer.resources={cpu: 2.5, gpu: 1}"
    ).spec.production
    said = "A scheduler gives each node 1 core, 4Gi; Trainer 2.5 cores, 1 accelerator."
    assert resources_words(production, ["Transform", "Trainer"]) == said
    assert resources_words(production, ["Transform"]) == "A scheduler gives each node 1 core, 4Gi."
    assert resources_words(ProductionConfig(), ["Trainer"]) == ""
