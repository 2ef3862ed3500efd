"""The file that grows while an archive arrives."""

import hashlib
import json
from pathlib import Path
from typing import BinaryIO


class Part:
    """The bytes of an archive that are on disk, with their running hash."""

    def __init__(self, file: Path, algorithm: str) -> None:
        """Hash what an earlier run left.

        Args:
            file: File that grows; a note beside it says whose bytes they are.
            algorithm: Hash to compute.
        """
        self.file = file
        self._note = file.with_name(f"{file.name}.json")
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self.length = 0
        self.url = ""
        self.validator = ""
        if self._read_note():
            with file.open("rb") as present:
                hashlib.file_digest(present, lambda: self._hash)
                self.length = present.tell()
        else:
            file.unlink(missing_ok=True)
        # bytes of another mirror or run may not fit those that follow
        self.is_stitched = self.length > 0

    @property
    def digest(self) -> str:
        """Hash of the bytes so far, in hexadecimal."""
        return self._hash.hexdigest()

    def restart(self) -> None:
        """Forget the bytes."""
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._hash = hashlib.new(self._algorithm, usedforsecurity=False)
        self.length = 0
        self.url = self.validator = ""
        self.is_stitched = False

    def _read_note(self) -> bool:
        """Whether there are bytes and it is known whose."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self.url, self.validator = note["url"], note["validator"]
        return self.file.is_file()

    def claim(self, url: str, validator: str) -> None:
        """Note whose bytes follow.

        Args:
            url: Address asked.
            validator: ETag or date by which the server knows this version, or "".
        """
        self.url, self.validator = url, validator
        note = json.dumps({"url": url, "validator": validator})
        self._note.write_text(note, encoding="utf-8")

    def append(self, chunk: bytes, out: BinaryIO) -> None:
        """Write and hash bytes.

        Args:
            chunk: Next bytes.
            out: The file, open for appending.
        """
        out.write(chunk)
        self._hash.update(chunk)
        self.length += len(chunk)

    def move(self, file: Path) -> None:
        """Give the bytes their name; the part is empty again.

        Args:
            file: File to become, replaced where it exists.
        """
        self.file.replace(file)
        self.restart()
