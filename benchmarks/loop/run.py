"""Measures the inner loop: what a data scientist waits for after changing one value, now and in an earlier version.

    python benchmarks/loop/run.py                                   five repeats, beside the version before
    python benchmarks/loop/run.py --repeats 1 --before ""           this version alone, once
    python benchmarks/loop/run.py --write docs/benchmarks-loop.md   put the table into the documentation

See docs/benchmarks-loop.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.measure import Measured, Session, session  # noqa: E402
from local_speed.tables import markdown, ratio_of, spread  # noqa: E402
from local_speed.telling import tell  # noqa: E402
from local_speed.versions import REPOSITORY, compile_byte_code, environment_of, penstock, source_of  # noqa: E402

from foundation.errors import DataError  # noqa: E402

BEFORE = "0b4b933"
"""The last commit of version 0.5.0."""
EXAMPLE = REPOSITORY / "examples" / "learner_retention"
REPEATS = 5
LIMIT = 600.0
MARK = "loop"
VERDICT = r"\b[Bb]lessed(:| unchecked)"
"""How a verdict begins, in a line of its own or beside the node that gives it."""
GIGABYTE = 2**30

Result = dict[str, Measured]


@dataclass(frozen=True)
class Scene:
    """Something a person waits for.

    Attributes:
        name: Its name in the table.
        options: What is given to ``penstock run``; ``{n}`` becomes another number in every repeat.
    """

    name: str
    options: Sequence[str] = ()

    @property
    def judges(self) -> bool:
        """Whether something changed, so that a verdict is waited for."""
        return bool(self.options)


SCENES = (
    Scene("first run"),
    Scene("unchanged run"),
    Scene("a changed `train.learning_rate`", ("--set", "train.learning_rate=0.01{n}")),
    Scene("a changed `train.learning_rate`, again", ("--set", "train.learning_rate=0.02{n}")),
    Scene("a changed `model.l2`", ("--set", "model.l2=0.0002{n}")),
    Scene("a changed gate", ("--set", "model.l2=0.0002{n}", "--set", "evaluate.gates.auc.at_least=0.7{n}")),
)
"""In this order, in one project."""


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often; default %(default)s")
    parser.add_argument(
        "--before", default=BEFORE, help="commit to measure beside; empty: none; default %(default)s"
    )
    default = Path(tempfile.gettempdir()) / "penstock-benchmark-loop"
    parser.add_argument(
        "--folder", type=Path, default=default, help="for code and projects; default %(default)s"
    )
    parser.add_argument("--write", type=Path, help="put the table between the markers of this file")
    return parser.parse_args(arguments)


def run_scenes(source: Path, project: Path, number: int) -> Result:
    """Runs all scenes in a fresh project, with a zygote of its own that is started by the first.

    Args:
        source: The code.
        project: Folder of the project; replaced.
        number: Number of the repeat, from 1.
    """
    shutil.rmtree(project, ignore_errors=True)
    # The example names its schema two folders up.
    folder = project / "examples" / EXAMPLE.name
    made = shutil.ignore_patterns(".penstock", "serving_models", "quarantine")
    shutil.copytree(EXAMPLE, folder, ignore=made)
    shutil.copytree(REPOSITORY / "schema" / EXAMPLE.name, project / "schema" / EXAMPLE.name)
    # As on a terminal, every line is there when it is printed.
    environment = environment_of(source, project / "sockets", {"PYTHONUNBUFFERED": "1"})
    with session() as measuring:
        return {scene.name: _measured(measuring, scene, folder, number, environment) for scene in SCENES}


def _measured(
    measuring: Session, scene: Scene, folder: Path, number: int, environment: dict[str, str]
) -> Measured:
    options = [option.replace("{n}", str(number)) for option in scene.options]
    command = [*penstock(), "run", "-f", str(folder / "pipeline.yaml"), *options]
    log, waits_for = folder / "run.log", VERDICT if scene.judges else ""
    took = measuring.run(command, folder, log, LIMIT, environment, waits_for)
    if scene.judges and took.told is None:
        raise DataError(f"{scene.name}, {log}", expected="a verdict", seen="none")
    return took


def measure(given: argparse.Namespace) -> list[dict[str, Result]]:
    """Runs the repeats, both versions in turn."""
    folder = given.folder.resolve()
    compile_byte_code(REPOSITORY)
    sources = {"before": source_of(given.before, folder / "code")} if given.before else {}
    sources["now"] = REPOSITORY
    repeats = []
    for number in range(1, given.repeats + 1):
        repeats.append({side: run_scenes(source, folder / side, number) for side, source in sources.items()})
        for side, result in repeats[-1].items():
            shown = ", ".join(f"{name} {took.wall:.2f} s ({took.cpu:.1f})" for name, took in result.items())
            print(f"repeat {number}, {side}: {shown}", file=sys.stderr, flush=True)
    return repeats


def render(repeats: Sequence[dict[str, Result]], machine: str) -> str:
    """Returns the table: wall, time to the verdict, CPU and memory of every scene.

    Args:
        repeats: Side → scene → what it took, a repeat each.
        machine: Date, machine and versions.
    """
    sides = list(repeats[0])
    rows = []
    for scene in SCENES:
        for label, value, shape in (
            (f"{scene.name}, wall", "wall", "{:.2f} s"),
            *([("— to the verdict", "told", "{:.2f} s")] if scene.judges else []),
            ("— CPU, all processes", "cpu", "{:.1f} s"),
            ("— memory at the peak", "peak", "{:.2f} GB"),
        ):
            found = [[_value(r[side][scene.name], value) for r in repeats] for side in sides]
            compared = [ratio_of(*found)] if len(sides) > 1 else []
            rows.append((label, *(spread(values, shape) for values in found), *compared))
    head = ("", *sides, *(["now ÷ before"] if len(sides) > 1 else []))
    count = f"{len(repeats)} repeats, median (smallest – largest)" if len(repeats) > 1 else "1 repeat"
    return f"{count}. {machine}.\n\n{markdown(head, rows)}"


def _value(took: Measured, name: str) -> float:
    return took.peak / GIGABYTE if name == "peak" else float(getattr(took, name))


def main() -> int:
    given = parse(sys.argv[1:])
    return tell(MARK, given.write, lambda: render(measure(given), describe_machine()))


if __name__ == "__main__":
    sys.exit(main())
