"""Remembers what a look at the documents found, so that the same look is not taken twice.

One small file under the pipeline's root, which is only written where the root is already: planning a project that never ran
writes nothing. A look that found something certain is not remembered; it is taken again until that is repaired.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import PenstockError, StorageError
from foundation.publish import write_text
from pipeline.preflight.remarks import Remark

FILE = "looks.json"
MOST = 8
"""Looks that are kept, such as those of several documents of one root."""


@dataclass(frozen=True)
class Memory:
    """What was found before.

    Attributes:
        root: The pipeline's root.
        key: What a look depends on: the export, the document, the code.
    """

    root: Path
    key: str

    def recall(self) -> list[Remark] | None:
        """Returns what the same look found, None if it was not taken."""
        said = self._all().get(self.key)
        return None if said is None else [Remark(PenstockError(line), certain=False) for line in said]

    def keep(self, remarks: list[Remark]) -> None:
        """Remembers what was found."""
        if not self.root.is_dir() or any(remark.certain for remark in remarks):
            return
        known = {key: said for key, said in self._all().items() if key != self.key}
        latest = dict([*known.items(), (self.key, [str(remark) for remark in remarks])][-MOST:])
        try:
            write_text(self.root / FILE, json.dumps(latest))
        except StorageError:
            return  # a look is only taken again

    def _all(self) -> dict[str, list[str]]:
        try:
            known = json.loads((self.root / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}
