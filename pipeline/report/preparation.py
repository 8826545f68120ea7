"""Ingestion and validation for the report, from ``ingestion.json`` and the validation gate's ``report.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.mongo_example_gen.notices import notices
from pipeline.report.data import Anonymity, Distance, Finding, Groups, Ingestion, Misfit, SpanView

_FROM_TEXT = "read from text"


def ingestion_of(content: Mapping[str, Any]) -> Ingestion:
    """Returns the counts of an ingestion."""
    documents = content["documents"]
    privacy = content.get("privacy", {})
    return Ingestion(
        read=documents.get("read", 0),
        accepted=documents.get("accepted", 0),
        quarantined=documents["quarantined"],
        filtered=documents["filtered"],
        splits=content["splits"],
        reasons={**content["quarantined"], **content["filtered"]},
        misfits=tuple(
            Misfit(field["feature"], reason, count)
            for field in content["fields"]
            for reason, count in {**_conversions(field), **field["misfits"]}.items()
        ),
        spans=tuple(
            SpanView(span["span"], span["from"], span["documents"]["accepted"])
            for span in content.get("window", {}).get("spans", ())
        ),
        notices=tuple(notices(content)),
        rules=privacy.get("rules", {}),
        key=privacy.get("key_id", ""),
        anonymity=_anonymity(privacy.get("anonymity")),
    )


def _anonymity(content: Mapping[str, Any] | None) -> Anonymity | None:
    if not content:
        return None
    every = {"all splits": content["overall"], **content["splits"]}
    groups = tuple(
        Groups(split, found["rows"], found["groups"], found["smallest"], found["share"])
        for split, found in every.items()
    )
    return Anonymity(tuple(content["quasi_identifiers"]), content["k"], groups)


def _conversions(field: Mapping[str, Any]) -> dict[str, int]:
    return {_FROM_TEXT: field[_FROM_TEXT]} if field.get(_FROM_TEXT) else {}


def types_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Returns feature → type, for the features that have values."""
    return {field["feature"]: field["type"] for field in content["fields"] if field["type"]}


def findings_of(content: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Returns everything that validation found, what stops the run first."""
    return tuple(
        Finding(f["kind"], f["feature"], f["expected"], f["seen"], f["rows"], f["stops"])
        for group in ("anomalies", "warnings", "leakage")
        for f in content[group]
    )


def distances_of(content: Mapping[str, Any]) -> tuple[Distance, ...]:
    """Returns every distance that was measured, drift before skew."""
    return tuple(
        Distance(kind, row["feature"], row["distance"], row["formula"], row["value"], row["limit"])
        for kind in ("drift", "skew")
        for row in content[kind]
    )
