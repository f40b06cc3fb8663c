"""Files that are written as a whole, or line by whole line: none is left half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file; a reader sees what it held before or all of this, whatever goes wrong.

    Raises:
        OSError: for what cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp gives the file to its owner alone; this is for whoever may read the directory.
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class Lines:
    """A file that whole lines are appended to.

    Args:
        path: what to append to; it is made where it is not there.

    Raises:
        OSError: for what cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def append(self, line: str) -> None:
        """Append a line; where there is no room for all of it, nothing of it stays.

        Raises:
            OSError: for a line that cannot be written.
        """
        rest = f"{line}\n".encode("utf-8", "replace")
        before = os.fstat(self._file.fileno()).st_size
        try:
            while rest:
                rest = rest[self._write(rest) :]
        except OSError:
            # A device has no size, and a pipe does not give back what it took.
            if self._file.seekable() and os.fstat(self._file.fileno()).st_size > before:
                os.ftruncate(self._file.fileno(), before)
            raise

    def _write(self, part: bytes) -> int:
        return self._file.write(part) or 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
