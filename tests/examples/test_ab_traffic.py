"""The example of A/B traffic as a newcomer runs it: the better model wins, is promoted, and its log is trained on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "ab_traffic"


def test_the_documents_are_valid() -> None:
    from serving.experiments.document.reader import read_document

    document = read_document(EXAMPLE / "experiments.yaml")
    assert document.experiments["new_model"].control == "old"


@pytest.mark.e2e
def test_the_better_model_wins_and_what_was_logged_is_trained_on() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py")], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = done.stdout
    assert "Arm new of new_model was promoted" in said
    assert re.search(r"Execution \d+ of pipeline ab_traffic records it", said)
    rows = int(re.search(r"wrote exports/learners/2: ([\d,]+) row", said)[1].replace(",", ""))  # type: ignore[index]
    assert f"{rows:,} documents" in said, "the next run reads what was logged"
    assert "Verdict: promote new" in said
    difference = re.search(r"the simulation knows: .* difference ([\d.]+)", said)
    verdict = re.search(r"Verdict: .*between \+([\d.]+) points and \+([\d.]+) points", said)
    assert difference is not None
    assert verdict is not None
    assert float(verdict[1]) / 100 < float(difference[1]) < float(verdict[2]) / 100
