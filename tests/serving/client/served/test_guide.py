"""The examples of docs/client.md, run one after the other against a server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving.server_process import ServerProcess

pytestmark = pytest.mark.integration
GUIDE = Path(__file__).parents[4] / "docs" / "client.md"


def test_the_examples_run(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        here = block.replace("http://localhost:8501", server.url).replace("localhost:8500", server.address)
        exec(compile(here, str(GUIDE), "exec"), names)
    np.testing.assert_allclose(names["answer"]["probability"], [10 + 1.2 + 0.955 + 2, 10 + 0.3], rtol=1e-6)
    assert names["label"].labels == ("high",)
    assert names["value"].values.tolist() == [2.5]
    [said] = capsys.readouterr().out.splitlines()
    assert f"# {said}" in GUIDE.read_text()
    names["client"].close()


def test_the_values_in_comments_are_the_results(server: ServerProcess) -> None:
    from serving.client import Client

    lines = re.findall(r"^(client\.predict\(.*?)\s+# (array.*)$", GUIDE.read_text(), re.MULTILINE)
    assert len(lines) >= 2
    with Client(server.url) as client:
        for line, said in lines:
            assert (
                eval(line, {"client": client}).tolist()
                == eval(said, {"array": np.array, "float32": "f4"}).tolist()
            )
