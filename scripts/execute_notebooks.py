"""Runs the notebooks from top to bottom, one after the other, and keeps their outputs.

.venv/bin/python scripts/execute_notebooks.py             on the example, outputs written into notebooks/
.venv/bin/python scripts/execute_notebooks.py --check     on PENSTOCK_PROJECT or the example; nothing is written
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
_CELL_SECONDS = 600


def execute(path: Path, project: Path | None = None) -> Any:
    """Runs one notebook and returns it with its outputs.

    Args:
        path: The notebook.
        project: Its project; None for the notebook's own copy of the example.

    Raises:
        CellExecutionError: A cell failed.
    """
    return run(nbformat.read(path, as_version=4), project)


def run(notebook: Any, project: Path | None = None) -> Any:
    """Runs a notebook in a process of its own and returns it with its outputs.

    Args:
        notebook: The notebook.
        project: As in ``execute``.

    Raises:
        CellExecutionError: A cell failed.
    """
    client = nbclient.NotebookClient(
        notebook, timeout=_CELL_SECONDS, kernel_name="python3", record_timing=False
    )
    client.execute(cwd=str(FOLDER), env=kernel_variables(project))
    return notebook


def kernel_variables(project: Path | None) -> dict[str, str]:
    """Returns the variables of a notebook's process.

    Args:
        project: As in ``execute``.
    """
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    variables.pop("PENSTOCK_PROJECT", None)
    if project is not None:
        variables["PENSTOCK_PROJECT"] = str(project)
    # Named in vain, where it is installed, it would be another environment, whose runs start a zygote of their own.
    if str(ROOT) not in sys.path[1:]:
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH", "")]))
    return variables


def tidied(notebook: Any) -> Any:
    """Removes what a library wrote to standard error, and the version of Python."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.name == "stdout"]
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def main() -> None:
    """Runs all notebooks."""
    check = "--check" in sys.argv[1:]
    given = os.environ.get("PENSTOCK_PROJECT") if check else None
    for path in sorted(FOLDER.glob("*.ipynb")):
        done = execute(path, Path(given) if given else None)
        print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in done.cells)} cells", flush=True)
        if not check:
            nbformat.write(tidied(done), path)


if __name__ == "__main__":
    main()
