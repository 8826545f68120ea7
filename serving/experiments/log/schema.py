"""The columns of the prediction log; ``schema/prediction_log.json`` is generated from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from serving.experiments.log.kinds import Kind, arrow_type

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
"""Raised when a column changes its meaning or goes away; a new column keeps it."""
FORMAT_KEY: Final = b"penstock.prediction_log.format"
INPUT: Final = "input"
OUTPUT: Final = "output"


class Column(NamedTuple):
    """A column that every file has.

    Attributes:
        name: Its name.
        type: Its Arrow type.
        nullable: Whether it may hold null.
        text: What it says.
    """

    name: str
    type: str
    nullable: bool
    text: str


COLUMNS: Final = (
    Column("request_id", "string", False, "Id of the request; rewards name it."),
    Column("row_index", "int32", False, "Number of the row in its request, from 0."),
    Column("row_count", "int32", False, "Rows that the request had; more than are kept if it had very many."),
    Column("time", "timestamp[us, tz=UTC]", False, "When the request arrived."),
    Column("unit", "string", True, "Keyed hash of the unit, 32 hex digits; null if the assignment is by request."),
    Column("experiment", "string", False, "Name of the experiment."),
    Column("document", "string", False, "Version of its document: the first 12 hex digits of its digest."),
    Column("arm", "string", False, "The arm that answered; of a shadow copy, the arm that got the copy."),
    Column("slot_table", "int64", False, "Version of the slot table that assigned the unit."),
    Column("propensity", "double", True, "Probability of the arm when the unit was assigned; null for a shadow copy."),
    Column("backend", "string", False, "Backend of the arm; empty for the default one."),
    Column("model", "string", False, "Name of the model at the backend."),
    Column("label", "string", False, "Version label that the arm asks for; empty if it asks for none."),
    Column("version", "int64", True, "Version that answered; null if the answer does not say."),
    Column("api", "string", False, "grpc or rest."),
    Column("method", "string", False, "predict, classify, regress or multi_inference."),
    Column("signature", "string", False, "Signature that the request names; empty for the default one."),
    Column("code", "int32", False, "gRPC code of the answer, 0 if it succeeded; REST statuses are translated."),
    Column("seconds", "double", False, "How long the answer took."),
    Column("fell_back", "bool", False, "Whether the fallback answered in place of the arm."),
    Column("shadow", "bool", False, "Whether this is a copy whose answer no client saw; leave these out of statistics."),
    Column("sampling", "double", False, "Share of requests that were logged; weight by its inverse to count them."),
    Column("counted", "bool", True, "Whether it is part of the experiment's results; not after a promotion, nor for units whose arm was taken out."),
)  # fmt: skip
"""In the order of the files; the inputs follow, then the outputs."""


def column_name(side: str, name: str) -> str:
    """Returns the column of an input or output; one that REST does not name is called ``input`` or ``output``."""
    return f"{side}_{name}" if name else side


def is_value(column: str) -> bool:
    """Returns whether a column holds an input or an output."""
    return column.split("_", 1)[0] in (INPUT, OUTPUT)


def fixed_schema() -> Any:
    """Returns the Arrow schema of the columns that every file has."""
    import pyarrow as pa

    types = {"timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"), "double": pa.float64(), "bool": pa.bool_()}
    fields = []
    for column in COLUMNS:
        kind = types[column.type] if column.type in types else getattr(pa, column.type)()
        fields.append(pa.field(column.name, kind, column.nullable))
    return pa.schema(fields, {FORMAT_KEY: str(FORMAT).encode()})


def whole_schema(kinds: Mapping[str, Kind]) -> Any:
    """Returns the Arrow schema of a file with these value columns."""
    schema = fixed_schema()
    for name, kind in kinds.items():
        schema = schema.append(_field(name, kind))
    return schema


def _field(name: str, kind: Kind) -> Any:
    import pyarrow as pa

    return pa.field(name, arrow_type(kind))


def json_schema() -> dict[str, Any]:
    """Returns the content of ``schema/prediction_log.json``."""
    values = (
        "bool, int64, double, string, binary or lists of these: the narrowest that holds every value so far"
    )
    return {
        "title": "Penstock's prediction log: Parquet files, one row for each row of a request",
        "format": FORMAT,
        "format_key": FORMAT_KEY.decode(),
        "files": "EXPERIMENT/date=YYYY-MM-DD/*.parquet; the date is that of the file, in UTC; date=1970-01-01/columns.parquet is empty and has all columns",
        "columns": [column._asdict() for column in COLUMNS],
        "value_columns": [
            {"name": "input_NAME", "type": values, "nullable": True, "text": "An input under the privacy rules."},
            {"name": "output_NAME", "type": values, "nullable": True, "text": "An output under the privacy rules."},
        ],
        "compatibility": "New columns may be added at any time; an older file lacks them and reads as null. "
        "Anything else raises the format.",
    }  # fmt: skip
