"""Types that exist once in PostgreSQL.

ML Metadata looks for a type by its name and creates it if it is missing. In a SQLite file nobody else writes meanwhile, and on
MySQL its question locks the gap; on PostgreSQL two processes that begin with an empty store both find nothing and both
create it. Each then has a type, and contexts, of its own, and what one writes is not seen by who knows the other. The one
column of a type that has to be unique is its external id, so it gets one that is made of its name.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from ml_metadata.errors import NotFoundError

_OURS: Final = "penstock-"
_FIELDS: Final = {
    "PutArtifactType": "artifact_type",
    "PutExecutionType": "execution_type",
    "PutContextType": "context_type",
}


def identify(store: Any, method: str, request: Any) -> None:
    """Gives a new type an id that only this kind, name and version has, unless it has an external id.

    A type that exists keeps what it has: an earlier version may have left two of a name, of which one can have the id.

    Args:
        store: The store.
        method: The call, such as ``PutContextType``.
        request: Its request; changed in place.
    """
    field = _FIELDS.get(method)
    if field is None:
        return
    given = getattr(request, field)
    if given.external_id or _exists(getattr(store, f"get_{field}"), given):
        return
    # Not the name itself: with a kind before it, it may be too long for the column.
    given.external_id = f"{_OURS}{uuid.uuid5(uuid.NAMESPACE_OID, f'{field} {given.name} {given.version}')}"


def _exists(find: Any, given: Any) -> bool:
    try:
        find(given.name, given.version or None)
    except NotFoundError:
        return False
    return True


def without_identity(found: Any) -> Any:
    """Returns a type without the id that ``identify`` gave it, as TFX compares it with its own."""
    if found is not None and found.external_id.startswith(_OURS):
        found.ClearField("external_id")
    return found
