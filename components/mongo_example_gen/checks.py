"""Checks an ingestion before anything is published; each failure is one clear error."""

from __future__ import annotations

from collections.abc import Iterator

from components.exports import tally as count
from components.exports.formats import FORMATS
from components.exports.formats.base import Known
from components.exports.tally import Tally
from components.mongo_example_gen.config import BadDocumentsConfig
from components.mongo_example_gen.plan import Plan
from foundation.errors import DataError, near_miss


def check_accounting(tally: Tally) -> None:
    """Checks that every document that was read is accepted, quarantined, filtered or superseded.

    Raises:
        DataError: The counts do not add up: an internal error.
    """
    read, accepted = tally[count.READ], tally[count.ACCEPTED]
    bad = sum(count.section(tally, "quarantined").values())
    filtered = sum(count.section(tally, "filtered").values())
    superseded = tally[count.SUPERSEDED]
    if read != accepted + bad + filtered + superseded or accepted != sum(
        count.section(tally, "splits").values()
    ):
        raise DataError(
            "ingestion",
            expected="read = accepted + quarantined + filtered + superseded",
            seen=f"{read} read, {accepted} accepted, {bad} quarantined, {filtered} filtered, "
            f"{superseded} superseded",
            remedy="this is an internal error: please report it",
        )


def check_bytes(tally: Tally, known: Known) -> None:
    """Checks that the bytes of the files are the bytes that were read, in documents, in the quarantine and between.

    Files that only a decompressor or another library can count are left out.

    Raises:
        DataError: The counts do not add up: an internal error.
    """
    read = tally[count.BYTES_READ]
    accounted = tally[count.BYTES_OF_DOCUMENTS] + tally[count.BYTES_QUARANTINED] + tally[count.BYTES_BETWEEN]
    counted = all(found.compression == "none" and FORMATS[found.kind].counts_bytes for _, _, found in known)
    size = sum(path.stat().st_size for path, _, _ in known) if counted else read
    if counted and not size == read == accounted:
        raise DataError(
            "ingestion",
            expected=f"{size} bytes in {len(known)} files = in documents + quarantined + between documents",
            seen=f"{read} bytes read, {accounted} accounted for",
            remedy="this is an internal error: please report it",
        )


def check_bad_documents(tally: Tally, config: BadDocumentsConfig, kept: str) -> None:
    """Checks that there are documents, and not too many bad ones.

    Raises:
        DataError: None was read, or the share of bad ones, by number or by bytes, is above the threshold.
    """
    read = tally[count.READ]
    if not read:
        raise DataError("export", expected="documents", seen="none", remedy="check the query of the export")
    reasons = count.section(tally, "quarantined")
    bad = sum(reasons.values())
    weight = count.weight_of_bad(tally)
    share = max(bad / read, weight / (read - bad + weight) if weight else 0.0)
    if share > config.fail_above:
        shown = ", ".join(
            f"{reason}: {times}" for reason, times in sorted(reasons.items(), key=lambda r: -r[1])[:5]
        )
        raise DataError(
            "bad documents",
            expected=f"at most {config.fail_above:.3%} of {read} documents",
            seen=f"{bad} ({bad / read:.3%}): {shown}"
            + (
                f"; by their bytes they are about {weight:.0f} documents ({share:.3%})"
                if weight > bad
                else ""
            ),
            remedy=f"see {kept}; fix the export, or raise data.bad_documents.fail_above",
        )


def check_paths(tally: Tally, plan: Plan, known: set[str]) -> None:
    """Checks that every configured path occurs in at least one document.

    Raises:
        DataError: A path does not occur.
    """
    for error in absent_paths(tally, plan, known):
        raise error


def absent_paths(tally: Tally, plan: Plan, known: set[str]) -> Iterator[DataError]:
    """Yields an error for each configured path that does not occur in any document."""
    kinds = count.kinds_of(tally)
    misfits = {key[1] for key in tally if key[0] == "misfits"}
    for column in plan.columns:
        if column.feature in kinds or tally[count.field(column.feature, "null")]:
            continue
        if tally[count.field(column.feature, "empty")] or (
            column.feature == plan.label and not plan.labelled
        ):
            continue
        if column.feature in misfits or not plan.labelled:
            continue
        yield DataError(
            f"data.fields: path {column.path!r}" + (" (the label)" if column.feature == plan.label else ""),
            expected="a path that occurs in the documents",
            seen=f"none of {tally[count.READ]} documents has it",
            remedy=near_miss(column.path, sorted(known))
            or "correct the path, or map the field under data.fields",
        )


def check_split_key(tally: Tally, plan: Plan, known: set[str]) -> None:
    """Checks that the key to split by occurs in at least one document.

    Raises:
        DataError: No document has it: all would be split by their ``_id``, and one person be on both sides.
    """
    missing, blocked = tally[count.KEY_FALLBACK], tally[count.KEY_BLOCKED]
    converted = tally[count.ACCEPTED] + sum(
        tally[count.filtered(reason)] for reason in (count.NO_LABEL, count.NO_TIME)
    )
    if not plan.labelled or plan.time_bounds or not converted or missing + blocked < converted:
        return
    raise DataError(
        f"data.split.by {plan.split_by!r}",
        expected="a path that occurs in the documents",
        seen=f"none of {converted} documents has it"
        + (f"; in {blocked} it leads through something that is no document" if blocked else ""),
        remedy=near_miss(plan.split_by, sorted(known)) or "correct the path, or leave it out to split by _id",
    )


def check_label(tally: Tally, plan: Plan, different: int) -> None:
    """Checks that the label takes more than one value.

    Args:
        tally: All counts.
        plan: What was taken.
        different: Number of distinct label values, at most 2.

    Raises:
        DataError: No document has a label, or all have the same.
    """
    if not plan.labelled:
        return
    column = next(column for column in plan.columns if column.feature == plan.label)
    if not tally[count.ACCEPTED]:
        misfits = sum(times for key, times in tally.items() if key[:2] == ("misfits", plan.label))
        raise DataError(
            f"label {plan.label!r} (path {column.path!r})",
            expected="a value in the documents",
            seen=f"none in {tally[count.READ]} documents"
            + (f"; {misfits} do not fit {column.type}" if misfits else ""),
            remedy="correct the path or the type of the label under data.fields",
        )
    if different < 2:
        raise DataError(
            f"label {plan.label!r}",
            expected="at least two different values to tell apart",
            seen=f"the same {column.type} value in all {tally[count.ACCEPTED]} documents that have it",
            remedy="check the export's query and the label's path",
        )


def check_splits(tally: Tally, plan: Plan, keys: int, keys_counted_to: int) -> None:
    """Checks that every split has rows.

    Raises:
        DataError: A split is empty.
    """
    sizes = {split: tally[count.rows(split)] for split in plan.splits}
    empty = [split for split, size in sizes.items() if not size]
    if not empty:
        return
    known = (
        f"{keys} different values"
        if keys < keys_counted_to
        else f"at least {keys_counted_to} different values"
    )
    raise DataError(
        f"split {empty[0]!r}",
        expected="at least one document",
        seen=f"{known} of data.split.by {plan.split_by!r} in {tally[count.ACCEPTED]} documents; "
        + ", ".join(f"{split}: {size}" for split, size in sizes.items()),
        remedy="export more documents, split by a key with more values, or change the shares under data.split",
    )
