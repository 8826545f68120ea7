"""A project that version 0.5.0 left: its run is shown, its model served, and the next run takes it as the blessed one.

``tests/version_0_5/orders.tar.xz`` holds it: one run on the first of two spans, made in ``/srv/orders``.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from serving.client import Client
from tests.serving.server_process import ServerProcess

pytestmark = pytest.mark.e2e

HERE = "/srv/orders"
PACKED = Path(__file__).resolve().parents[1] / "version_0_5" / "orders.tar.xz"
COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()"]
FIRST = "20261129T044624-c7ba25f9"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(PACKED) as packed:
        packed.extractall(place, filter="data")
    folder = place / "orders"
    for file in folder.rglob("*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(HERE, str(folder)), encoding="utf-8")
    move_metadata(folder / ".penstock" / "metadata.db", str(folder))
    return folder


def move_metadata(database: Path, folder: str) -> None:
    """Rewrites every path in a store of ML Metadata."""
    with contextlib.closing(sqlite3.connect(database)) as store, store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in store.execute(f"PRAGMA table_info('{table}')").fetchall():
                if kind.upper() in ("TEXT", "VARCHAR(255)"):
                    change = (
                        f'UPDATE "{table}" SET "{column}" = REPLACE("{column}", ?, ?) WHERE "{column}" LIKE ?'
                    )
                    store.execute(change, (HERE, folder, f"%{HERE}%"))


def penstock(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=project, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(project: Path, *run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(penstock(project, "show", "--json", *run))
    return found


def test_1_its_run_is_shown(project: Path) -> None:
    old = shown(project)
    assert old["verdict"]["blessed"]
    assert {node["node"] for node in old["nodes"]} >= {"Transform", "Trainer", "Evaluator", "InfraValidator"}
    overall = {m["metric"]: m["value"] for m in old["verdict"]["metrics"] if m["slice"] == "overall"}
    assert overall["auc"] == pytest.approx(0.713, abs=0.001)
    assert "orders" in penstock(project, "status")
    assert "auc" in penstock(project, "eval")
    assert "MongoExampleGen" in penstock(project, "lineage")


def test_2_its_model_is_served(project: Path, tmp_path: Path) -> None:
    flags = (f"--model_base_path={project / 'serving'}", "--model_name=orders")
    with (
        ServerProcess(tmp_path, *flags, fresh=True) as server,
        Client(f"http://127.0.0.1:{server.rest_port}") as client,
    ):
        rows = {
            "total": [20.0],
            "plan": ["pro"],
            "device": ["web"],
            "tags": [["a"]],
            "text": ["red"],
            "age": [30],
        }
        answer = client.predict("orders", rows)
        assert 0 < answer["probability"][0] < 1


def test_3_the_next_run_compares_with_it(project: Path) -> None:
    penstock(project, "run")
    verdict = shown(project)["verdict"]
    (auc,) = [m for m in verdict["metrics"] if m["slice"] == "overall" and m["metric"] == "auc"]
    assert auc["baseline"] is not None
    assert any(gate["kind"] == "change" or gate["baseline"] is not None for gate in verdict["gates"])
    assert FIRST in penstock(project, "runs")
    log = max(project.glob(".penstock/runs/*/log.txt")).read_text(encoding="utf-8")
    assert "INFO:components.in_process:test: worked through in this process" in log


def test_4_both_runs_are_compared(project: Path) -> None:
    last = shown(project)["id"]
    assert "auc" in penstock(project, "diff", FIRST, last)
