"""A pipeline root that is a folder of this machine, or of a file system that several machines share."""

from __future__ import annotations

import builtins
import contextlib
import os
from pathlib import Path

from foundation import temporaries
from foundation.publish import published_file, storage_error
from pipeline.roots.base import Root, checked


class LocalRoot(Root):
    """A root that is a folder.

    Args:
        folder: The folder; it is created when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """Returns a file's content, see ``Root.read``."""
        try:
            return self._file(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(self._file(path), error) from error

    def publish(self, path: str, data: bytes) -> None:
        """Writes a file by temporary name and rename, see ``Root.publish``."""
        with published_file(self._file(path)) as temporary:
            temporary.write_bytes(data)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file that must not exist yet, see ``Root.create``.

        The finished file gets its name by a hard link: unlike a rename it replaces nothing, and unlike an exclusive
        open nobody sees it half written.
        """
        file = self._file(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporaries.sweep(file.parent, file.name)
            temporary = temporaries.make_file(file.parent, file.name)
            try:
                temporary.path.write_bytes(data)
                temporary.share()
                os.link(temporary.path, file)
            finally:
                temporary.discard()
        except FileExistsError:
            return False
        except OSError as error:
            raise storage_error(file, error) from error
        return True

    def exists(self, path: str) -> bool:
        """Returns whether there is such a file, see ``Root.exists``."""
        return self._file(path).is_file()

    def list(self, folder: str) -> builtins.list[str]:
        """Returns all files under a folder, see ``Root.list``; temporary ones have no name yet."""
        found = []
        for place, _, names in os.walk(self._file(folder)):
            inside = Path(place).relative_to(self._folder).as_posix()
            found += [f"{inside}/{name}" for name in names if not temporaries.is_temporary(name)]
        return sorted(found)

    def delete(self, path: str) -> None:
        """Removes a file, see ``Root.delete``."""
        try:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self._file(path).unlink()
        except OSError as error:
            raise storage_error(self._file(path), error) from error

    def _file(self, path: str) -> Path:
        return self._folder / checked(path)
