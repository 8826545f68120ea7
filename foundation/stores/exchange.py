"""Files that a node and Beam's workers exchange: in a folder that all of them see, or beneath an address in a store.

Workers elsewhere share nothing with the node but the store that the pipeline root is in. There a worker writes into a
private folder of its own and what is in it when its work has succeeded is sent, under names that nobody takes for a
result. The node picks up the files that workers name to it, and makes them visible.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.publish import storage_error
from foundation.storage import Location, RemotePath
from foundation.storage_remote import Address
from foundation.stores.base import CONCURRENT
from foundation.stores.mirror import in_store
from foundation.stores.opening import open_store
from foundation.temporaries import private_folder, sweep

BENCH = "penstock-bench"
"""Name of a worker's private folder, in the system's temporary folder."""
_FLAG = "--exchange="


def flag(address: str) -> str:
    """Returns what tells an executor, among TFX's extra flags, that its workers reach nothing but this address."""
    return _FLAG + address


def flagged(flags: Sequence[str] | None) -> str:
    """Returns the address that an executor's extra flags name; empty where its workers see this machine's disk."""
    return next((one.removeprefix(_FLAG) for one in flags or () if one.startswith(_FLAG)), "")


@dataclass(frozen=True)
class Exchange:
    """A node's side.

    Attributes:
        here: Folder on this machine.
        address: What stands for it where workers do not see this machine's disk; empty: they see it.
    """

    here: Path
    address: str = ""

    @property
    def there(self) -> str:
        """What workers know: the folder's path, or the address."""
        return self.address or str(self.here)

    def pick_up(self, names: Sequence[str]) -> list[Path]:
        """Brings files that workers left, and returns their paths in the folder.

        Raises:
            StorageError: One is not there, the store does not answer, or the disk is full.
        """
        files = [self.here / name for name in names]
        if self.address and files:
            from concurrent.futures import ThreadPoolExecutor

            store, key = open_store(Address(self.address))
            with ThreadPoolExecutor(CONCURRENT) as pool:
                for done in [pool.submit(store.fetch, f"{key}/{file.name}", file) for file in files]:
                    done.result()
        return files

    def lay_out(self, file: Location) -> str:
        """Puts a file where workers can read it; returns the path or address that they know it by.

        A file that is in the same kind of store already stays where it is: workers that reach the one reach the other.

        Raises:
            StorageError: It cannot be read, or the store does not take it.
        """
        if not self.address or (isinstance(file, RemotePath) and file.scheme == Address(self.address).scheme):
            return str(file)
        store, key = open_store(Address(self.address))
        name = f"{hashlib.sha256(str(file).encode()).hexdigest()[:12]}-{file.name}"
        with _on_disk(file) as local:
            store.send(local, f"{key}/{name}")
        return f"{self.address}/{name}"

    def remove(self, names: Sequence[str]) -> None:
        """Removes files that workers left and that are not wanted."""
        if not self.address:
            for name in names:
                (self.here / name).unlink(missing_ok=True)
            return
        store, key = open_store(Address(self.address))
        store.delete([f"{key}/{name}" for name in names])


@contextlib.contextmanager
def workbench(there: str) -> Iterator[Path]:
    """Yields the folder that a worker writes to; beneath an address, what is in it afterwards is sent.

    Args:
        there: ``Exchange.there``.

    Raises:
        StorageError: The store does not take it, or there is no temporary folder.
    """
    if not in_store(there):
        yield Path(there)
        return
    with _private() as folder:
        yield folder
        store, key = open_store(Address(there))
        for file in sorted(folder.iterdir()):
            store.send(file, f"{key}/{file.name}")


@contextlib.contextmanager
def at_hand(place: str) -> Iterator[Path]:
    """Yields a file that ``Exchange.lay_out`` named, or that is in a store, as a worker reads it; a copy is removed afterwards.

    Raises:
        StorageError: It is not there, or the store does not answer.
    """
    if not in_store(place):
        yield Path(place)
        return
    with _private() as folder:
        file = folder / place.rpartition("/")[2]
        store, key = open_store(Address(place))
        store.fetch(key, file)
        yield file


@contextlib.contextmanager
def _on_disk(file: Location) -> Iterator[Path]:
    if isinstance(file, Path):
        yield file
        return
    with _private() as folder:
        local = folder / file.name
        with file.open() as source, local.open("wb") as copy:
            shutil.copyfileobj(source, copy, 8 * 2**20)
        yield local


@contextlib.contextmanager
def _private() -> Iterator[Path]:
    """Yields an empty folder that only its owner can enter, and removes it afterwards."""
    place = Path(tempfile.gettempdir())
    sweep(place, BENCH)
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder(place, BENCH)) / "files"
            folder.mkdir()
        except OSError as error:
            raise storage_error(place, error) from error
        yield folder
