"""A real Airflow on loopback: its API server, DAG processor and scheduler as processes of their own, its database on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import postgresql
from tests.postgresql import PASSWORD, USER
from tests.side_by_side import free_port

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0
"""Seconds until something that must happen is given up for."""
OVER = frozenset({"success", "failed"})


def environment(name: str = "airflow") -> Path | str:
    """Returns the Python of Airflow's environment, built if need be, or why there is none.

    Args:
        name: ``airflow``, or ``airflow2``: that one is not built, as few machines need a second whole Airflow.
    """
    build = [sys.executable, str(ROOT / "scripts" / "airflow_environment.py"), name]
    at = os.environ.get("PENSTOCK_AIRFLOW2_ENVIRONMENT") or ROOT / "build" / "airflow2"
    if name == "airflow2" and not (Path(at) / "built-from").exists():
        return "there is no Airflow 2: scripts/airflow_environment.py airflow2 builds it"
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"Airflow's packages cannot be had: {done.stderr.strip().splitlines()[-1:]}"
    return Path(done.stdout.split()[-1])


def until(holds: Callable[[], Any], what: str) -> Any:
    """Waits for something to hold, and returns it."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if found := holds():
            return found
        time.sleep(0.5)
    raise AssertionError(f"this has not come: {what}")


@dataclass
class Airflow:
    """A running Airflow.

    Attributes:
        home: Its folder, with ``dags`` and the logs of its processes.
        python: Its Python.
        port: Port of its API.
        variables: What its processes get besides the variables of this one.
        processes: Those that run, by name.
    """

    home: Path
    python: Path
    port: int
    variables: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _token: str = ""

    @property
    def dags(self) -> Path:
        """The folder of DAG files."""
        return self.home / "dags"

    def run(self, *arguments: str) -> str:
        """Runs one of its commands to its end."""
        command = [str(self.python), "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self._env(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, *arguments: str) -> None:
        """Starts one of its processes, in a group of its own."""
        log = (self.home / f"{name}.log").open("ab")
        command = [str(self.python), "-m", "airflow", name, *arguments]
        self.processes[name] = subprocess.Popen(
            command, env=self._env(), stdout=log, stderr=log, start_new_session=True
        )

    def kill(self, name: str) -> None:
        """Kills one of them and what it has started that is still in its group, as a machine that goes away."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Ends all of them."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name in list(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes[name].wait(3)
            self.kill(name)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Asks its REST API, and returns what it answers."""
        data = None if body is None else json.dumps(body).encode()
        head = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        address = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(address, data, head, method=method)) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def healthy(self) -> bool:
        """Whether its API answers; the first answer is the key to the others."""
        with contextlib.suppress(urllib.error.URLError, ConnectionError, AssertionError):
            self._token = self.api("GET", "/auth/token")["access_token"]
            return True
        return False

    def trigger(self, dag: str, run: str, **chosen: Any) -> None:
        """Starts a run by hand."""
        self.api(
            "POST",
            f"/api/v2/dags/{dag}/dagRuns",
            {"dag_run_id": run, "logical_date": None, "conf": chosen},
        )

    def state(self, dag: str, run: str) -> str:
        """Returns a run's state."""
        return str(self.api("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"])

    def over(self, dag: str, run: str) -> str:
        """Waits for a run's end, and returns its state."""
        return str(until(lambda: (s := self.state(dag, run)) in OVER and s, f"the end of {run}"))

    def tasks(self, dag: str, run: str) -> dict[str, tuple[str, int]]:
        """Returns state and number of tries of each task."""
        listed = self.api("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: (task["state"], task["try_number"]) for task in listed}

    def told(self, dag: str, run: str, task: str, key: str = "return_value") -> Any:
        """Returns what a task has handed on under a key."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}?deserialize=true"
        return self.api("GET", path)["value"]

    def log(self, dag: str, run: str, task: str, attempt: int) -> str:
        """Returns the log of a task's try."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"
        return json.dumps(self.api("GET", path), ensure_ascii=False)

    def clear(self, dag: str, run: str, *tasks: str, **more: Any) -> None:
        """Clears tasks of a run, as the web interface does."""
        about = {"dag_run_id": run, "task_ids": list(tasks), "dry_run": False, "only_failed": False, **more}
        self.api("POST", f"/api/v2/dags/{dag}/clearTaskInstances", about)

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.variables}


@contextlib.contextmanager
def running(home: Path, python: Path, variables: Mapping[str, str]) -> Iterator[Airflow]:
    """Runs Airflow without a DAG, until it is ready.

    Args:
        home: An empty folder.
        python: The Python of its environment.
        variables: What nodes find in their environment.
    """
    (home / "dags").mkdir(parents=True)
    with postgresql.running() as server:
        server.create("airflow")
        port = free_port()
        made = Airflow(home, python, port, {**variables, **_settings(home, port, server.port)})
        made.run("db", "migrate")
        made.start("api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        made.start("dag-processor")
        made.start("scheduler", "--skip-serve-logs")
        try:
            until(made.healthy, "Airflow's API")
            yield made
        finally:
            made.stop()


def _settings(home: Path, port: int, database: int) -> dict[str, str]:
    """Returns Airflow's settings, each as it would stand in its ``airflow.cfg``."""
    at = f"{USER}:{PASSWORD}@127.0.0.1:{database}/airflow"
    here = f"http://127.0.0.1:{port}"
    settings = {
        "core": {
            "load_examples": "False",
            "dags_folder": str(home / "dags"),
            "parallelism": "2",
            "execution_api_server_url": f"{here}/execution/",
            "simple_auth_manager_all_admins": "True",
            "fernet_key": "",
        },
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://{at}"},
        "api": {"base_url": here, "secret_key": secrets.token_hex(16), "log_fetch_timeout_sec": "5"},
        "api_auth": {"jwt_secret": secrets.token_hex(32)},
        "dag_processor": {
            "refresh_interval": "2",
            "min_file_process_interval": "2",
            "parsing_processes": "1",
        },
        "scheduler": {
            "scheduler_heartbeat_sec": "1",
            "scheduler_idle_sleep_time": "0.2",
            "orphaned_tasks_check_interval": "5",
            "scheduler_health_check_threshold": "10",
            "task_instance_heartbeat_timeout": "20",
            "task_instance_heartbeat_timeout_detection_interval": "3",
            "enable_health_check": "False",
        },
        # Beside other tests an answer takes its time. What becomes of a task is asked each second, not each fifth.
        "workers": {"execution_api_timeout": "60", "min_heartbeat_interval": "1"},
        "logging": {"base_log_folder": str(home / "logs")},
    }
    flat = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, keys in settings.items()
        for key, value in keys.items()
    }
    return {"AIRFLOW_HOME": str(home), "NO_PROXY": "127.0.0.1", **flat}
