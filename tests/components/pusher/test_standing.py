"""Whether the served version is a push's own: another's is published over, a person's decision is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.pusher import versions
from components.pusher.result import Ledger, PushResult
from components.pusher.standing import standing
from foundation.outside import left

Push = Callable[..., PushResult]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "serving"


@pytest.fixture
def push(tmp_path: Path, place: Path) -> Push:
    """Pushes a model of the given content, as the executor does."""

    def pushing(content: str, run: str = "", keep: int = 5) -> PushResult:
        model = tmp_path / f"model-{content}"
        model.mkdir(exist_ok=True)
        (model / "saved_model.pb").write_text(content)
        done = versions.push(model, place, keep, run=run)
        return PushResult(True, version=done.number, fingerprint=done.fingerprint, left=left([done.path]))

    return pushing


def served(place: Path) -> str:
    newest = max(int(folder.name) for folder in place.iterdir() if folder.name.isdecimal())
    return (place / str(newest) / "saved_model.pb").read_text()


def test_the_own_version_stands(place: Path, push: Push) -> None:
    done = push("a")
    assert standing(place, done).lost == standing(place, done).note == ""


def test_going_back_and_forth_serves_each_document_in_turn(place: Path, push: Push) -> None:
    a = push("a", "run1")
    b = push("b", "run2")
    for _ in range(3):
        assert standing(place, b).lost == ""
        assert "of run run" in standing(place, a).lost
        assert "which holds another model" in standing(place, a).lost
        a = push("a", "run1")
        assert served(place) == "a"
        assert standing(place, b).lost != ""
        b = push("b", "run2")
        assert served(place) == "b"


def test_the_ledger_says_that_a_model_was_published_again(place: Path, push: Push) -> None:
    first, _, again = push("a", "run1"), push("b", "run2"), push("a", "run3")
    entry = Ledger.read(place).versions[again.version or 0]
    assert (entry.again_of, entry.run, entry.rollback_of) == (first.version, "run3", None)


def rolled_back(place: Path) -> None:
    versions.rollback(place)


def pinned(place: Path) -> None:
    versions.pin(place, versions.versions(place)[0].number)


def put_by_hand(place: Path) -> None:
    folder = place / str(versions.versions(place)[0].number + 1)
    folder.mkdir()
    (folder / "saved_model.pb").write_text("by hand")


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        (rolled_back, "by a rollback"),
        (pinned, "as it is pinned"),
        (put_by_hand, "as it was put there by hand"),
    ],
    ids=["rollback", "pin", "by hand"],
)
def test_a_persons_decision_is_respected_and_said(
    place: Path, push: Push, decide: Callable[[Path], None], said: str
) -> None:
    push("x")
    a, b = push("a"), push("b")
    decide(place)
    kept = served(place)
    document = b if decide is rolled_back else a
    found = standing(place, document)
    assert (found.lost, said in found.note) == ("", True)
    assert f"penstock rollback --to {document.version}" in found.note
    push("b" if document is b else "a")
    assert served(place) == kept


def test_a_new_model_is_pushed_over_a_persons_decision(place: Path, push: Push) -> None:
    push("a"), push("b")
    versions.rollback(place)
    assert standing(place, push("c")).lost == ""
    assert served(place) == "c"


def test_a_rollback_to_the_own_model_is_what_the_document_says(place: Path, push: Push) -> None:
    a, _ = push("a"), push("b")
    versions.rollback(place)
    assert (standing(place, a).lost, standing(place, a).note) == ("", "")


@pytest.mark.parametrize("name", ["saved_model.pb", "added"])
def test_an_altered_version_is_published_again(place: Path, push: Push, name: str) -> None:
    done = push("a")
    file = place / str(done.version) / name
    file.write_text("other")
    assert str(file) in standing(place, done).lost
    again = push("a")
    assert served(place) == "a"
    assert standing(place, again).lost == ""


def test_an_altered_rollback_is_no_persons_decision(place: Path, push: Push) -> None:
    push("a")
    b = push("b")
    back = versions.rollback(place)
    (back.path / "saved_model.pb").write_text("other")
    assert standing(place, b).lost != ""
    assert standing(place, push("b")).lost == ""


def test_a_version_that_was_trimmed_away_is_published_again(place: Path, push: Push) -> None:
    a = push("a")
    push("b", keep=1)
    assert standing(place, a).lost != ""
    assert standing(place, push("a")).lost == ""


def test_an_emptied_folder_is_filled_again(place: Path, push: Push) -> None:
    done = push("a")
    for folder in place.iterdir():
        folder.rename(place.parent / f"moved {folder.name}")
    assert "no longer in" in standing(place, done).lost


def test_nothing_pushed_is_nothing_lost(place: Path) -> None:
    assert standing(place, PushResult(False, why=("the model is not blessed",))).lost == ""


def test_a_result_of_an_older_penstock_is_compared_by_the_ledger(place: Path, push: Push) -> None:
    old = PushResult(True, version=push("a").version)
    assert standing(place, old).lost == ""
    push("b")
    assert "which holds another model" in standing(place, old).lost
