"""Runs in Airflow's own Python: reads DAG files, or carries a task's operator out, and prints what came of it as JSON.

    python in_airflow.py read FILE…
    python in_airflow.py execute '[{"file": …, "task": …, "attempt": 1, "max_tries": 2, "params": {}, "environment": {}}, …]'

Nothing of Penstock can be imported here.
"""

import importlib.util
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

HEAVY = ("tensorflow", "tfx", "apache_beam", "pipeline", "components", "foundation", "numpy", "pandas")


def load(file: str):
    """Imports a DAG file as Airflow does: under a name of its own."""
    spec = importlib.util.spec_from_file_location("dag_" + Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def about(dag) -> dict:
    """Returns what a DAG is."""
    return {
        "dag": dag.dag_id,
        "schedule": type(dag.timetable).__name__,
        "start": dag.start_date.isoformat(),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "timeout": dag.dagrun_timeout and dag.dagrun_timeout.total_seconds(),
        "params": {name: [p.value, p.schema] for name, p in dag.params.items()},
        "callback": bool(dag.on_failure_callback),
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "group": task.task_group.group_id,
                "retries": task.retries,
                "retry_delay": task.retry_delay.total_seconds(),
                "exponential": bool(task.retry_exponential_backoff),
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "shown": list(task.template_fields),
                "pool": task.pool,
                "links": [link.name for link in task.operator_extra_links],
            }
            for task in dag.tasks
        },
    }


def read(files: list[str]) -> dict:
    """Reads files, each twice: the first time also imports what Airflow needs for it."""
    import airflow
    from airflow.serialization import serialized_objects

    # As Airflow 3 and Airflow 2 call it.
    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG

    told = {}
    for file in files:
        before = time.process_time()
        load(file)
        between = time.process_time()
        module = load(file)
        seconds = [between - before, time.process_time() - between]
        dags = [module.dag]
        texts = [json.dumps(serialization.to_dict(dag)) for dag in dags]
        told[file] = {"dags": [about(dag) for dag in dags], "cpu": seconds, "serialized": "\n".join(texts)}
    return {
        "airflow": airflow.__version__,
        "files": told,
        "heavy": [name for name in HEAVY if name in sys.modules],
    }


def execute(file: str, task: str, attempt: int, max_tries: int, params: dict, environment: dict) -> dict:
    """Carries one task's operator out."""
    os.environ.update(environment)
    module = load(file)
    dag = module.dag
    operator = dag.get_task(task)
    pushed = {}
    ti = SimpleNamespace(
        dag_id=dag.dag_id,
        task_id=task,
        run_id="r1",
        map_index=-1,
        try_number=attempt,
        max_tries=max_tries,
        xcom_push=lambda key, value: pushed.update({key: value}),
        get_template_context=dict,
    )
    end = datetime(2026, 1, 2, 3, tzinfo=UTC)
    run = SimpleNamespace(run_id="r1", data_interval_end=end, run_after=end, logical_date=end)
    context = {"ti": ti, "task_instance": ti, "dag_run": run, "run_id": "r1", "task": operator, "dag": dag}
    context["params"] = {name: p.value for name, p in dag.params.items()} | params
    operator.render_template_fields(context)
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())  # as Airflow's task runner
    try:
        told = {"returned": operator.execute(context)}
    except Exception as error:  # noqa: BLE001 - whatever a task may fail with
        told = {"raised": type(error).__name__, "text": str(error)}
    return {
        **told,
        "pushed": pushed,
        "told": operator.told,
        "shown": operator.command,
        "links": links(operator),
    }


def links(operator) -> dict:
    """Returns what a task's page links to."""
    return {link.name: link.get_link(operator, ti_key=None) for link in operator.operator_extra_links}


if __name__ == "__main__":
    if sys.argv[1] == "read":
        found = read(sys.argv[2:])
    else:
        found = [execute(**one) for one in json.loads(sys.argv[2])]
    print("\n" + json.dumps(found))
