"""Answers that are kept: found by the content of model and rows, checked, and never those of anything else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluator import kept
from components.evaluator.result import Evaluation
from tests.components.evaluator.conftest import rows_of, write_examples, write_model

COLUMNS = {
    "probability": np.linspace(0, 1, 7, dtype=np.float32),
    "probabilities": np.arange(12, dtype=np.float32).reshape(4, 3),
}


def test_columns_come_back_bit_by_bit() -> None:
    found = kept.unpacked("k", kept.packed("k", COLUMNS))
    assert found.keys() == COLUMNS.keys()
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(found[name], column, strict=True)


def test_no_rows_are_kept_too() -> None:
    assert kept.unpacked("k", kept.packed("k", {"p": np.empty(0, np.float32)}))["p"].shape == (0,)


def test_every_cut_and_every_changed_byte_is_noticed() -> None:
    whole = kept.packed("k", COLUMNS)
    for place in range(len(whole)):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            with pytest.raises(ValueError, match=r"it holds|it is damaged|its checksum is wrong"):
                kept.unpacked("k", content)
    with pytest.raises(ValueError, match="another model"):
        kept.unpacked("other", whole)


def test_a_digest_is_of_names_and_content(tmp_path: Path) -> None:
    for folder, files in {
        "a": {"x": b"1", "y/z": b"2"},
        "b": {"x": b"1", "y/z": b"2"},
        "c": {"x": b"12", "y/z": b""},
        "d": {"x": b"1", "z": b"2"},
    }.items():
        for name, content in files.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(content)
    a, b, c, d = (kept.digest([tmp_path / one]) for one in "abcd")
    assert a == b and len({a, c, d}) == 3
    assert kept.digest([tmp_path / "a" / "x"]) != kept.digest([tmp_path / "c" / "x"])


@pytest.mark.component
class TestInAnEvaluation:
    """Evaluations of one pipeline lie beside each other, as ML Metadata's do."""

    @pytest.fixture(scope="class")
    def made(self, data, tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp("made")
        write_examples(folder / "examples", rows_of(data))
        write_examples(folder / "later", rows_of({name: column[:300] for name, column in data.items()}))
        for name, slope in (("first", 0.5), ("second", 2.0)):
            write_model(folder / name, "binary", slope)
        return folder

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """Folders of the models that were loaded, and so asked."""
        from components import signature

        found: list[str] = []
        load = signature.load

        def noted(path: str) -> Any:
            found.append(f"{Path(path).parent.name}/{Path(path).name}")
            return load(path)

        monkeypatch.setattr(signature, "load", noted)
        yield found

    @pytest.fixture
    def evaluated(self, made: Path, evaluate: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
        def run(number: int, model: str, baseline: str | None = None, examples: str = "examples") -> Path:
            return evaluate(
                made / examples,
                made / model,
                "binary",
                baseline=made / baseline if baseline else None,
                into=tmp_path / "evaluation" / str(number),
            )

        return run

    def test_a_blessed_models_answers_are_read_in_place_of_asking_it(self, evaluated, asked) -> None:
        evaluated(1, "first")
        assert sorted(asked) == ["first/Format-References", "first/Format-Serving"]
        asked.clear()
        with_answers = Evaluation.read(evaluated(2, "second", "first"))
        assert sorted(asked) == ["second/Format-References", "second/Format-Serving"]
        assert with_answers.kept == ("baseline",)

    def test_the_numbers_are_those_of_the_model_asked(self, evaluated, tmp_path) -> None:
        evaluated(1, "first")
        read = Evaluation.read(evaluated(2, "second", "first"))
        for file in tmp_path.glob("evaluation/*/predictions/*"):
            file.unlink()
        fresh = Evaluation.read(evaluated(3, "second", "first"))
        assert fresh.kept == () and fresh.slices[0].baseline
        assert repr(fresh.slices) == repr(read.slices)

    def test_an_older_model_is_asked_once_and_its_answers_kept(self, evaluated, asked) -> None:
        evaluated(1, "second", "first")
        asked.clear()
        again = Evaluation.read(evaluated(2, "second", "first"))
        assert asked == [] and again.kept == ("baseline", "candidate", "references")

    def test_answers_to_other_rows_are_not_used(self, evaluated, asked) -> None:
        evaluated(1, "first")
        asked.clear()
        assert Evaluation.read(evaluated(2, "second", "first", "later")).kept == ()
        assert "first/Format-Serving" in asked

    @pytest.mark.parametrize("harm", ["cut", "foreign", "empty"])
    def test_a_file_that_is_not_whole_is_thrown_away_and_said_so(
        self, harm: str, evaluated, tmp_path, caplog
    ) -> None:
        evaluated(1, "first")
        files = sorted((tmp_path / "evaluation" / "1" / "predictions").iterdir())
        contents = [file.read_bytes() for file in files]
        for file, content, other in zip(files, contents, contents[::-1], strict=True):
            file.write_bytes({"cut": content[:-3], "foreign": other, "empty": b""}[harm])
        with caplog.at_level(logging.WARNING, kept.__name__):
            found = Evaluation.read(evaluated(2, "second", "first"))
        assert found.kept == () and found.slices[0].baseline
        assert "is thrown away, and the model asked" in caplog.text
        assert len([file for file in files if file.exists()]) == 1  # nobody looked for the references' file

    def test_answers_go_with_their_evaluation(self, evaluated, tmp_path) -> None:
        import shutil

        evaluated(1, "first")
        shutil.rmtree(tmp_path / "evaluation" / "1")
        assert Evaluation.read(evaluated(2, "second", "first")).kept == ()

    def test_answers_that_take_much_are_not_kept(self, evaluated, monkeypatch, tmp_path, caplog) -> None:
        monkeypatch.setattr(kept, "MOST_BYTES", 600 * 4 + 1)
        with caplog.at_level(logging.INFO, kept.__name__):
            evaluated(1, "first")
        assert (
            len(list((tmp_path / "evaluation" / "1" / "predictions").iterdir())) == 1
        )  # of two outputs a row
        assert "are not kept" in caplog.text
