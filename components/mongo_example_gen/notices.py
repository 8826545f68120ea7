"""What an ingestion's report says that a person should act on, in sentences. Light: it reads JSON, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def notices(report: Mapping[str, Any]) -> list[str]:
    """Returns one sentence for each thing to act on.

    Args:
        report: The content of ``ingestion.json``.
    """
    privacy = report.get("privacy") or {}
    said = [_suspected(found) for found in privacy.get("suspected", ())]
    groups = privacy.get("anonymity")
    if groups and groups["overall"]["rows_below_k"]:
        overall = groups["overall"]
        said.append(
            f"{overall['share']:.1%} of the rows share {', '.join(groups['quasi_identifiers'])} "
            f"with fewer than {groups['k'] - 1} others; the smallest group has {overall['smallest']}"
        )
    for folder in (report.get("diverted") or {}).get("folders", ()):
        files = f"{folder['files']} file" + ("s" if folder["files"] > 1 else "")
        said.append(
            f"{folder['path']} holds documents that the exporting tool put aside ({files}): they are not in the data"
        )
    empty = (report.get("input") or {}).get("empty_files")
    if empty:
        said.append(f"no documents in {', '.join(empty)}: the file is empty")
    expired = report.get("quarantine_expired")
    if expired:
        said.append(f"{expired} quarantined files were too old and were removed")
    return said


def _suspected(found: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{kind}: {times}" for kind, times in found["kinds"].items())
    return (
        f"{found['feature']} may hold personal data ({kinds}; {found['looked_at']} values looked at); "
        "no rule under data.privacy.rules covers it"
    )
