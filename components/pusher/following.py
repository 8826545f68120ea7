"""A folder on this machine that follows a place in a store, for a server that reads files."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading

from components.pusher.destination import LOCK_FILE, files_of, seen
from components.pusher.ledger import numbers
from foundation.errors import PenstockError
from foundation.link import link_tree
from foundation.lock import locked
from foundation.publish import published_folder
from foundation.stores.mirror import cache_folder, mirror_of

log = logging.getLogger(__name__)

SECONDS = 30.0
"""Between two looks at the store."""
_KEPT = 2
"""Versions that stay here: the newest, and the one that a server lets go of when it has loaded the newest."""


class Following:
    """The newest version of a place in a store, in a folder of numbered versions.

    Args:
        address: Where the versions are pushed to.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        digest = hashlib.sha256(address.encode()).hexdigest()[:16]
        self.folder = cache_folder() / "served" / digest / address.rstrip("/").rpartition("/")[2]

    def look(self) -> int | None:
        """Brings the newest version, if it is not here yet.

        Returns:
            Its number; None where nothing has been pushed.

        Raises:
            StorageError: The store does not answer, or the disk is full.
        """
        place = seen(mirror_of(self.address))
        newest = max(numbers(place), default=None)
        if newest is None:
            return None
        with locked(self.folder.parent / LOCK_FILE):
            if not (self.folder / str(newest)).exists():
                with published_folder(self.folder / str(newest)) as temporary:
                    link_tree(files_of(place / str(newest)), temporary)
            for number in numbers(self.folder)[:-_KEPT]:
                shutil.rmtree(self.folder / str(number))
        return newest

    def follow(self, seconds: float = SECONDS) -> threading.Event:
        """Looks every so often, in a thread of its own; a store that does not answer changes nothing.

        Returns:
            What ends it, once set.
        """
        ended = threading.Event()
        threading.Thread(target=self._follow, args=(ended, seconds), daemon=True).start()
        return ended

    def _follow(self, ended: threading.Event, seconds: float) -> None:
        while not ended.wait(seconds):
            try:
                self.look()
            except PenstockError as error:
                log.warning("%s", error)
