"""Writes a DAG file for Airflow: readable Python that reads the bundle's sidecar and has ``penstock node`` run each node."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from foundation.errors import SpecError
from foundation.publish import published_folder, write_text
from pipeline.bundle.reading import open_bundle
from pipeline.scheduling.base import Exporter, Options

if TYPE_CHECKING:
    from pipeline.bundle.reading import Bundle
    from pipeline.bundle.sidecar import Production, Sidecar

TEMPLATES = Path(__file__).parent / "templates"
MADE_OF = {"bash": "process", "external_python": "process", "docker": "container", "kubernetes": "pod"}
"""Operator → what a node is; the folder of templates has its name."""
STANDARD = {
    "process": {"signal", "subprocess"},
    "container": {"inspect", "re"},
    "pod": {"inspect", "re"},
}
"""Modules of Python that an operator needs, beyond those that all do."""
IN_AIRFLOW_2 = {
    "BaseOperator": "airflow.models",
    "BaseOperatorLink": "airflow.models",
    "CronDataIntervalTimetable": "airflow.timetables.interval",
    "DAG": "airflow",
    "Param": "airflow.models",
    "TaskGroup": "airflow.utils.task_group",
}
"""Where Airflow 2 has what Airflow 3 has in ``airflow.sdk``."""

KUBERNETES = (
    "the image needs the bundle in /bundles/{folder}, the namespace a Secret named penstock with what nodes find in their "
    "environment"
)
"""What a pod needs."""
OURS = "Written by ``penstock export airflow``"
"""What the first lines of a file of ours say."""
LINE = 110
"""Characters in a line of what is written."""


class AirflowExporter(Exporter):
    """Writes ``NAME.py`` and copies the bundle's folder beside it."""

    name = "airflow"
    operators = {
        "bash": "a process on Airflow's worker: any command of a shell that ends in penstock",
        "external_python": "a process on Airflow's worker: the Python of an environment with Penstock",
        "docker": "a container on Airflow's worker",
        "kubernetes": "a pod",
    }

    def write(self, bundle: Bundle, to: Path, options: Options) -> list[Path]:
        """Writes the DAG file; the bundle is there before it.

        Raises:
            SpecError: The operator is unknown or lacks something, or a file of that name is not ours.
            DataError: The bundle is there already, and was altered.
            StorageError: The folder cannot be written.
        """
        operator = self.operator(options)
        _refuse(bundle.sidecar, operator, options)
        folder = to / bundle.folder.name
        texts = render(bundle.sidecar, folder.name, operator, options)
        for name in texts:
            _refuse_foreign(to / name)
        if folder.exists():
            open_bundle(folder)  # a run may be at work in it: it is checked, not written again
        else:
            with published_folder(folder) as unfinished:
                shutil.copytree(bundle.folder, unfinished, dirs_exist_ok=True)
        for name, text in texts.items():
            write_text(to / name, text)
        before = to / f"{bundle.sidecar.name}_retrain.py"
        if before.name not in texts and _is_ours(before):
            before.unlink()
        return [*(to / name for name in texts), folder]

    def notes(self, bundle: Bundle, options: Options) -> list[str]:
        """Names what a task waits for, or fails without."""
        pools = sorted({node.pool for node in bundle.sidecar.nodes if node.pool})
        operator = self.operator(options)
        said = [f"Airflow needs the pool {pool}: airflow pools set {pool} 1 ''" for pool in pools]
        if operator == "kubernetes":
            return [*said, KUBERNETES.format(folder=bundle.folder.name)]
        return [
            *said,
            "nodes find PENSTOCK_HOME, passwords and credentials in the environment of Airflow's workers",
        ]


def render(sidecar: Sidecar, folder: str, operator: str, options: Options) -> dict[str, str]:
    """Returns the text of each file by its name: the DAG, and that of continuous training where it is asked for.

    Args:
        sidecar: What ``bundle.json`` holds.
        folder: Name of the bundle's folder.
        operator: How nodes are started.
        options: What was decided on the command line.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it is Python
    )
    made_of = MADE_OF[operator]
    production = sidecar.production
    retrain = _news(production)
    asked = {
        "name": sidecar.name,
        "folder": folder,
        "made_of": made_of,
        "command": _command(operator, options),
        "schedule": production.schedule,
        "spans": production.spans,
        "on_failure": bool(production.on_failure or production.on_failure_env),
        "on_failure_variable": production.on_failure_env or "",
        "deadline": bool(production.deadline),
        "groups": production.groups,
        "retrain": retrain,
    }
    text = environment.get_template("dag.py.j2").render(asked, imports=_imports(asked))
    files = {f"{sidecar.name}.py": re.sub(r"\n{4,}", "\n\n\n", text)}
    if retrain:
        # A file of its own: what starts another DAG imports Airflow's whole database layer.
        files[f"{sidecar.name}_retrain.py"] = environment.get_template("retrain.py.j2").render(asked)
    return files


def _is_ours(file: Path) -> bool:
    """Whether a file was written by this exporter."""
    return (
        file.exists() and OURS in file.read_text(encoding="utf-8", errors="replace").partition("import ")[0]
    )


def _refuse_foreign(file: Path) -> None:
    if file.exists() and not _is_ours(file):
        raise SpecError(
            f"file {file}",
            expected="none, or one that 'penstock export airflow' has written",
            seen="another",
            remedy="rename it, or write to another folder with --to",
        )


def _refuse(sidecar: Sidecar, operator: str, options: Options) -> None:
    if operator in ("docker", "kubernetes") and not sidecar.image:
        raise SpecError(
            "production.image", expected=f"the image that --operator {operator} starts", remedy="name it"
        )
    if operator == "external_python" and not options.python.startswith("/"):
        raise SpecError(
            f"--python {options.python}".rstrip(),
            expected="the path of a Python on Airflow's workers that has Penstock",
            remedy="say --python /opt/penstock/bin/python",
        )


def _news(production: Production) -> list[str]:
    """Returns what starts a run besides the schedule."""
    retrain = production.retrain or {}
    kinds = {"export": "on_export", "alarm": "on_alarm", "labels": "new_labels"}
    return [what for what, key in kinds.items() if retrain.get(key)]


def _command(operator: str, options: Options) -> str:
    """Returns the list that starts Penstock, as Python."""
    if operator == "external_python":
        # -P: a folder called pipeline in the working directory is not ours.
        return _literal([options.python, "-P", "-m", "pipeline.cli.main"])
    return _literal(["bash", "-c", f'{options.command or "exec penstock"} "$@"', "penstock"])


def _literal(words: Sequence[str]) -> str:
    """Returns a list of strings as Python, quoted as a formatter would."""
    quoted = (repr(word) if '"' in word else json.dumps(word) for word in words)
    return f"[{', '.join(quoted)}]"


def _imports(asked: Mapping[str, Any]) -> list[str]:
    """Returns the import lines in the order in which a linter wants them."""
    modules = {"json", "os", "shlex", *STANDARD[asked["made_of"]]}
    modules |= {"urllib.request"} if asked["on_failure"] else set()
    names = {"BaseOperator", "BaseOperatorLink", "DAG", "Param"}
    names |= {"CronDataIntervalTimetable"} if asked["schedule"] else set()
    names |= {"TaskGroup"} if asked["groups"] else set()
    exceptions = {"AirflowException", "AirflowFailException", "AirflowSkipException"}
    homes = {IN_AIRFLOW_2[name] for name in names}
    before = {home: {name for name in names if IN_AIRFLOW_2[name] == home} for home in homes}
    before["airflow.exceptions"] = exceptions
    return [
        *(f"import {module}" for module in sorted(modules)),
        "from datetime import datetime, timedelta",
        "from pathlib import Path",
        "from zoneinfo import ZoneInfo",
        "",
        "try:",
        _import("airflow.sdk", names),
        _import("airflow.sdk.exceptions", exceptions),
        "except ModuleNotFoundError:  # Airflow 2",
        *(_import(home, before[home]) for home in sorted(before)),
    ]


def _import(module: str, names: Iterable[str]) -> str:
    """Returns an import statement of a block that fits the line."""
    listed = sorted(names, key=_isort)
    line = f"    from {module} import {', '.join(listed)}"
    if len(line) <= LINE:
        return line
    return "\n".join([f"    from {module} import (", *(f"        {name}," for name in listed), "    )"])


def _isort(name: str) -> tuple[int, str]:
    """Sorts constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
