"""What a person should act on after an ingestion, in sentences."""

from __future__ import annotations

from components.mongo_example_gen.misfits import value_notices
from components.mongo_example_gen.plan import UNLABELLED_SPLIT
from components.mongo_example_gen.result import Ingestion, Suspicion


def notices(ingestion: Ingestion) -> list[str]:
    """Returns one sentence for each thing to act on."""
    said = value_notices(ingestion)
    said += [_suspected(found) for found in ingestion.privacy.suspected]
    groups = ingestion.privacy.anonymity
    if groups and groups.overall.rows_below_k:
        overall = groups.overall
        said.append(
            f"{overall.share:.1%} of the rows share {', '.join(groups.quasi_identifiers)} "
            f"with fewer than {groups.k - 1} others; the smallest group has {overall.smallest}"
        )
    for folder in ingestion.diverted.folders:
        files = f"{folder.files} file" + ("s" if folder.files > 1 else "")
        said.append(
            f"{folder.path} holds documents that the exporting tool set aside ({files}): they are not in the data"
        )
    if ingestion.input.empty_files:
        said.append(f"no documents in {', '.join(ingestion.input.empty_files)}: the file is empty")
    if ingestion.quarantine_expired:
        said.append(f"{ingestion.quarantine_expired} quarantined files were too old and were removed")
    return (
        [f"documents to predict for: {text}" for text in said]
        if set(ingestion.splits) == {UNLABELLED_SPLIT}
        else said
    )


def _suspected(found: Suspicion) -> str:
    kinds = ", ".join(f"{kind}: {times}" for kind, times in found.kinds.items())
    return (
        f"{found.feature} may hold personal data ({kinds}; {found.looked_at} values looked at); "
        "no rule under data.privacy.rules covers it"
    )
