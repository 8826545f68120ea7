"""Measures what Airflow's DAG processor pays for a generated DAG file of twelve nodes, for each operator.

    python benchmarks/production/dag_parse.py [TIMES]

In CPU seconds of Airflow's own Python, in new processes taken in turn: the import of ``airflow.sdk`` alone; the file, in a
process that has imported nothing yet; and the file once Airflow's modules are loaded, as the DAG processor has them when it
parses a file again (it forks from a process that has).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from pipeline.scheduling.airflow.exporter import AirflowExporter  # noqa: E402
from pipeline.scheduling.base import Options  # noqa: E402
from tests.integration.airflow.running import environment  # noqa: E402
from tests.pipeline.scheduling.bundles import bundle, sidecar  # noqa: E402

SCRIPT = """
import json, sys, time, importlib.util
def load(file):
    spec = importlib.util.spec_from_file_location("a_dag", file)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
moments = [time.process_time()]
from airflow.sdk import DAG
moments.append(time.process_time())
for _ in range(2):
    load(sys.argv[1])
    moments.append(time.process_time())
heavy = [name for name in ("tensorflow", "tfx", "pipeline") if name in sys.modules]
print(json.dumps([[b - a for a, b in zip(moments, moments[1:])], heavy]))
"""


def main(times: int) -> None:
    python = environment()
    if isinstance(python, str):
        sys.exit(python)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        production = {"retrain": {"on_export": True, "new_labels": 500}, "on_failure_env": "HOOK"}
        made = bundle(folder / "bundles", sidecar(production))
        for operator in AirflowExporter.operators:
            options = Options(operator, python="/opt/penstock/bin/python")
            AirflowExporter().write(made, folder / operator, options)
        rows: dict[str, list[list[float]]] = {operator: [] for operator in AirflowExporter.operators}
        for _ in range(times):
            for operator in rows:
                rows[operator].append(_measured(python, folder, folder / operator / "shop.py"))
    print(
        f"{'operator':16} {'airflow.sdk':>12} {'first parse':>12} {'parse again':>12}   CPU s, median of {times}"
    )
    for operator, found in rows.items():
        medians = [statistics.median(column) for column in zip(*found, strict=True)]
        print(f"{operator:16} {medians[0]:12.2f} {medians[1]:12.2f} {medians[2]:12.3f}")


def _measured(python: Path, home: Path, file: Path) -> list[float]:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env = {**clean, "AIRFLOW_HOME": str(home), "HOOK": "http://127.0.0.1:9/"}
    done = subprocess.run(
        [str(python), "-c", SCRIPT, str(file)], env=env, capture_output=True, text=True, check=True
    )
    seconds, heavy = json.loads(done.stdout.splitlines()[-1])
    assert not heavy, heavy
    return list(seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
