"""Measures what width costs: a first run of messy documents with 20 to 1,000 features, node by node, now and in an earlier version.

    python benchmarks/width/run.py                                      every width, beside the version before
    python benchmarks/width/run.py --widths 148 --before "" --documents 2000    a quick look at one width
    python benchmarks/width/run.py --every-kind                         every kind of transformation among the features
    python benchmarks/width/run.py --write docs/benchmarks-width.md     put the tables into the documentation

See docs/benchmarks-width.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import check_byte_code, describe_machine  # noqa: E402
from local_speed.measure import Session, session  # noqa: E402
from local_speed.sides import last_json  # noqa: E402
from local_speed.tables import check_markers, write_between  # noqa: E402
from local_speed.versions import (  # noqa: E402
    REPOSITORY,
    compile_byte_code,
    counting_source_of,
    environment_of,
    penstock,
)
from width.data import DOCUMENTS, LABEL, SEED, make_data  # noqa: E402
from width.document import pipeline_of  # noqa: E402
from width.tables import Node, Result, render  # noqa: E402

from foundation.errors import PenstockError, SpecError  # noqa: E402

BEFORE = "0b4b933"
"""The last commit of version 0.5.0."""
WIDTHS = (20, 80, 148, 1000)
BEFORE_WIDTHS = (20, 80, 148)
LIMIT = 5400.0
MARK = "width"
EVERY_MARK = "width every kind"


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument(
        "--widths", type=_numbers, default=WIDTHS, help="numbers of features; default %(default)s"
    )
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="default %(default)s")
    parser.add_argument("--repeats", type=int, default=1, help="how often; default %(default)s")
    parser.add_argument(
        "--before", default=BEFORE, help="commit to measure beside; empty: none; default %(default)s"
    )
    parser.add_argument(
        "--before-widths",
        type=_numbers,
        default=BEFORE_WIDTHS,
        help="its numbers of features; default %(default)s",
    )
    parser.add_argument("--every-kind", action="store_true", help="one transformation more for each feature")
    parser.add_argument("--seed", type=int, default=SEED, help="of the documents; default %(default)s")
    default = Path(tempfile.gettempdir()) / "penstock-benchmark-width"
    parser.add_argument(
        "--folder", type=Path, default=default, help="for data, code and projects; default %(default)s"
    )
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this file")
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


def template_of(width: int, given: argparse.Namespace) -> Path:
    """Returns the document that ``penstock init`` of this code writes for the documents of a width."""
    export = make_data(given.folder / "data", width, given.documents, given.seed)
    folder = given.folder / "projects" / f"{width}-init"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = ["--folder", str(folder), "--name", "width", "--label", LABEL]
    command = [*penstock(), "init", str(export), *options]
    with session() as measuring:
        measuring.run(
            command, folder, folder / "init.log", LIMIT, environment_of(REPOSITORY, folder / "sockets")
        )
    document = folder / "pipeline.yaml"
    lines = document.read_text(encoding="utf-8").splitlines()
    named = [f'  mongo_export: "{export}"' if "mongo_export:" in line else line for line in lines]
    document.write_text("\n".join(named) + "\n", encoding="utf-8")
    return document


def run_side(source: Path, template: Path, project: Path, every_kind: bool) -> Result:
    """Runs a first run in a fresh project, then looks at its model.

    Args:
        source: The code.
        template: The document.
        project: Folder of the project; replaced.
        every_kind: Whether every kind of transformation should occur.
    """
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir(parents=True)
    pipeline_of(template, project / "pipeline.yaml", every_kind)
    counted = project / "cpu.jsonl"
    environment = environment_of(source, project / "sockets", {"PENSTOCK_BENCHMARK_CPU": str(counted)})
    with session() as measuring:
        took = measuring.run([*penstock(), "run"], project, project / "run.log", LIMIT, environment)
        shown = _json_of(measuring, [*penstock(), "show", "--json"], project, environment)
        model = _folder_of(shown, "Trainer.model", "Format-Serving/saved_model.pb")
        graph = _folder_of(shown, "Transform.transform_graph", "transform_fn/saved_model.pb")
        examples = next(Path(shown["artifacts"]["MongoExampleGen.examples"]["uri"]).glob("Split-test/*.gz"))
        probe = [sys.executable, str(HERE / "served.py"), "--source", str(source)]
        probe += ["--model", str(model), "--examples", str(examples)]
        served = _json_of(measuring, probe, project, environment_of(REPOSITORY, project / "sockets"))
    return Result(took, _nodes(shown, counted), _bytes(model), _pb(model), _pb(graph), served)


def _json_of(measuring: Session, command: list[str], project: Path, environment: dict[str, str]) -> Any:
    log = project / "answer.log"
    measuring.run(command, project, log, LIMIT, environment)
    return last_json(log.read_text(encoding="utf-8"))


def _folder_of(shown: dict[str, Any], artifact: str, file: str) -> Path:
    """Returns the folder inside an artifact that holds a file."""
    return next(Path(shown["artifacts"][artifact]["uri"]).rglob(file)).parent


def _nodes(shown: dict[str, Any], counted: Path) -> dict[str, Node]:
    """Returns node → wall and CPU, from the run's record or, of a version that has no CPU there, from what was counted."""
    cpu = {node["node"]: node.get("cpu", 0.0) for node in shown["nodes"]}
    if counted.exists():
        cpu |= dict(json.loads(line) for line in counted.read_text(encoding="utf-8").splitlines())
    done = [node for node in shown["nodes"] if node["state"] == "done"]
    return {node["node"]: Node(node["seconds"], cpu[node["node"]]) for node in done}


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _pb(folder: Path) -> int:
    return (folder / "saved_model.pb").stat().st_size


def measure(given: argparse.Namespace) -> Iterator[tuple[int, list[dict[str, Result]]]]:
    """Runs all widths, the repeats of each one after the other, both versions in turn; yields each width when it is done."""
    folder = given.folder = given.folder.resolve()
    compile_byte_code(REPOSITORY)
    sources = {"now": REPOSITORY}
    if given.before:
        sources = {"before": counting_source_of(given.before, folder / "code"), **sources}
    for width in given.widths:
        found: list[dict[str, Result]] = []
        template = template_of(width, given)
        sides = {
            side: source for side, source in sources.items() if side == "now" or width in given.before_widths
        }
        for number in range(1, given.repeats + 1):
            results = {
                side: run_side(source, template, folder / "projects" / f"{width}-{side}", given.every_kind)
                for side, source in sides.items()
            }
            found.append(results)
            for side, result in results.items():
                took = f"{result.run.wall:.0f} s, {result.run.cpu:.0f} CPU s"
                print(f"{width} features, repeat {number}, {side}: {took}", file=sys.stderr, flush=True)
        yield width, found


def main() -> int:
    given = parse(sys.argv[1:])
    mark, tables = EVERY_MARK if given.every_kind else MARK, ""
    try:
        check_byte_code()
        if not given.widths:
            raise SpecError("--widths", expected="numbers, such as 20,148", seen="none")
        if given.write:
            check_markers(given.write, mark)
        found: dict[int, list[dict[str, Result]]] = {}
        for width, repeats in measure(given):
            found[width] = repeats
            tables = render(found, given.documents, describe_machine())
            if given.write:  # after each width: a later one that fails does not cost what was measured
                write_between(given.write, mark, tables)
    except PenstockError as error:
        print(tables)
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
