"""The document of experiments is read, and every mistake in it is said with its place and its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foundation.document.problems import SpecErrors
from serving.experiments.document.models import ExperimentsDocument
from serving.experiments.document.reader import parse_document, read_document
from serving.experiments.document.sample import sample
from serving.experiments.document.weights import shares

TWO_ARMS = "arms: {old: {version: 1, weight: 90%}, new: {label: canary, weight: 10%}}"


def document(*experiments: str, rest: str = "") -> str:
    """Returns a document of experiments e0, e1, … given by their further keys in flow style."""
    lines = [f"  e{i}: {{model: m, control: old, {TWO_ARMS}, {keys}}}" for i, keys in enumerate(experiments)]
    return "\n".join(["experiments:", *lines, rest])


def problems(text: str) -> str:
    with pytest.raises(SpecErrors) as caught:
        parse_document(text, "x.yaml")
    return str(caught.value)


def test_an_experiment_has_defaults() -> None:
    read = parse_document(document(""), "x.yaml")
    experiment = read.experiments["e0"]
    assert experiment.unit.key == "penstock-unit"
    assert experiment.shares() == {"old": 0.9, "new": 0.1}
    assert read.salt(experiment.layer) == "default"
    assert read.state.sqlite == "experiments.db"


def test_the_version_follows_what_is_said_not_how_it_is_written() -> None:
    read = parse_document(document(""), "x.yaml")
    assert read.version == parse_document("# a comment\n" + document(""), "y.yaml").version
    assert read.version != parse_document(document("share: 50%"), "x.yaml").version
    assert len(read.version) == 12


@pytest.mark.parametrize(
    ("written", "key", "feature"),
    [
        ("{header: X-User}", "x-user", None),
        ("{metadata: user}", "user", None),
        ("{feature: user_id}", None, "user_id"),
        ("request", None, None),
    ],
)
def test_the_unit_is_a_header_a_metadata_key_a_feature_or_the_request(
    written: str, key: str | None, feature: str | None
) -> None:
    unit = parse_document(document(f"unit: {written}"), "x.yaml").experiments["e0"].unit
    assert (unit.key, unit.feature) == (key, feature)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("share: 120%", "x.yaml:2:.*experiments.e0.share: expected a share such as 10%"),
        ("share: 0", "experiments.e0.share: an experiment without units"),
        ("share: 0.001%", "at least one of a layer's 10,000 slots"),
        ("layr: x", "unknown key 'layr'; did you mean 'layer'"),
        ("layer: defaul", "there is no such layer; .* did you mean 'default'"),
        ("unit: {header: a, feature: b}", "give one of"),
        ("unit: {header: grpc-timeout}", "gRPC's own"),
        ("unit: {metadata: user-bin}", "gRPC's own"),
        ("unit: {heade: a}", "did you mean 'header'"),
        ("fallback: contol", "did you mean 'control'"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_remedy(keys: str, said: str) -> None:

    assert re.search(said, problems(document(keys))), problems(document(keys))


def test_all_mistakes_are_said_at_once() -> None:
    text = document(
        "share: 60%",
        "share: 60%, unit: request",
        "layer: other",
        rest="layers: {other: }\nstate: postgres://u:pw@h/d",
    )
    said = problems(text)
    assert "sum to 120%" in said
    assert "assign the same units" in said
    assert "e0 in layer default touches model m too" in said
    assert "environment variable" in said
    assert "pw" not in said


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ("old: {weight: 90%}, new: {weight: 5%}", "sum to 0.95, expected 1"),
        ("old: {weight: 90%}, new: {weight: 1}", "different forms"),
        ("old: {weight: 90%}, new: {}", "no weight for new"),
        ("old: {weight: -1}, new: {weight: 2}", "expected a weight such as"),
        ("old: {weight: .nan}, new: {weight: 2}", "expected a weight such as"),
        ("old: {weight: 0}, new: {weight: 0}", "all weights are 0"),
        ("old: {version: 1, label: x}, new: {}", "a version or a label, not both"),
        ("old: {weight: 99.999%}, new: {weight: 0.001%}", "at least one slot"),
        ("old: {}, new: {backend: b}", "the document has no backends"),
        ("old: {}", "at least 2"),
        ("old: {}, a/b: {}", "letters, digits, dashes and underscores"),
    ],
)
def test_a_mistake_in_the_arms_is_said(arms: str, said: str) -> None:
    assert said in problems(f"experiments: {{e: {{model: m, control: old, arms: {{{arms}}}}}}}")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (("90%", "10%"), (0.9, 0.1)),
        (("0.9", "1/10"), (0.9, 0.1)),
        (("9", "1"), (0.9, 0.1)),
        (("33.3%", "33.3%", "33.3%"), (1 / 3, 1 / 3, 1 / 3)),
        (("1/3", "1/3", "1/3"), (1 / 3, 1 / 3, 1 / 3)),
        ((None, None), (0.5, 0.5)),
        (("100%", "0"), (1.0, 0.0)),
    ],
)
def test_weights_are_percent_fractions_or_whole_numbers(
    weights: tuple[str | None, ...], expected: tuple[float, ...]
) -> None:
    read = shares({str(i): weight for i, weight in enumerate(weights)})
    assert tuple(read.values()) == pytest.approx(expected)


def test_models_at_different_backends_are_different_models() -> None:
    arms = "arms: {old: {model: a}, new: {model: b, backend: far}}, control: old"
    text = (
        "backends: {near: {}, far: {}}\nlayers: {one: , two: }\nexperiments:\n"
        f"  e: {{model: a, layer: one, {arms}}}\n"
        "  f: {model: b, layer: two, control: x, arms: {x: {version: 1}, y: {version: 2}}}\n"
    )
    assert isinstance(parse_document(text, "x.yaml"), ExperimentsDocument)
    assert "touches model b too" in problems(text.replace(", backend: far", ""))


def test_an_override_is_laid_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "experiments.yaml"
    file.write_text(document(""))
    assert read_document(file, ["experiments.e0.share=20%"]).experiments["e0"].share == 0.2
    with pytest.raises(SpecErrors, match=r"--set experiments\.e0\.shar: unknown key"):
        read_document(file, ["experiments.e0.shar=20%"])


@pytest.mark.parametrize("versions", [[], [3], [1, 4, 9]])
def test_the_document_that_init_writes_is_valid(versions: list[int]) -> None:
    read = parse_document(
        sample("my model" if not versions else "learner", versions).replace("my model", "m"), "x"
    )
    arms = read.experiments["new_version"].arms
    assert [arm.version for arm in arms.values()] == {0: [1, 2], 1: [3, 4], 3: [4, 9]}[len(versions)]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("mode: thompson", "no reward is declared"),
        ("mode: {type: thompson, floor: 60%}, reward: {}", "the floors of 2 arms add up to"),
        ("mode: thomson", "expected epsilon_greedy, linear"),
        ("guardrails: {reward: 5%}", "there is no reward to compare"),
        ("guardrails: {hangs: 5}", "did you mean 'hang'"),
        ("reward: {window: 7}", ""),
    ],
)
def test_the_slices_of_an_experiment_are_checked_together(keys: str, said: str) -> None:
    if said:
        assert said in problems(document(keys))
    else:
        assert parse_document(document(keys), "x.yaml").experiments["e0"].reward


@pytest.mark.parametrize(
    ("written", "meant"), [("10%", 0.1), ("1/10", 0.1), (0.25, 0.25)], ids=["percent", "fraction", "number"]
)
def test_sampling_of_the_log_is_a_share_like_the_others(written: object, meant: float) -> None:
    from serving.experiments.log.config import LogConfig

    assert LogConfig.model_validate({"sampling": written}).sampling == meant
    with pytest.raises(ValueError, match="greater than 0"):
        LogConfig.model_validate({"sampling": 0})
