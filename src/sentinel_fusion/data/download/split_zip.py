"""Zip archives in several files: ``name.z01``, ``name.z02`` ... ``name.zip``.

zipfile reads one file only, and in a split archive every offset counts from the start
of its own part. So the parts are shown to it as one file with a new central directory
behind them, in which the offsets count from the first part.

Source: PKWARE .ZIP File Format Specification (APPNOTE.TXT 6.3), sections 4.3.12 to
4.3.16, 4.5.3 and 8.
"""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from zipfile import BadZipFile, ZipFile

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_LONGEST_COMMENT = 2**16 - 1
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MARK = b"PK\x06\x06"
_ENTRY = struct.Struct("<4s6H3L5H2L")
_ENTRY_MARK = b"PK\x01\x02"
_EXTRA = struct.Struct("<2H")
_EXTRA64 = 1
# these values send the reader to the 64-bit field
_SEE_16, _SEE_32 = 0xFFFF, 0xFFFFFFFF
_VERSION_64 = 45


@contextmanager
def open_zip(file: Path) -> Iterator[ZipFile]:
    """A zip archive, whether it is one file or the last of several parts.

    Args:
        file: The ``.zip`` file; the other parts lie beside it.

    Yields:
        The archive, open for reading.

    Raises:
        BadZipFile: If a part is missing or the archive is damaged.
    """
    with ExitStack() as stack:
        last = stack.enter_context(file.open("rb"))
        last_disk = _last_disk(last)
        if last_disk == 0:
            yield stack.enter_context(ZipFile(last))
            return
        parts: list[io.BufferedIOBase] = []
        for number in range(1, last_disk + 1):
            part = file.with_suffix(f".z{number:02d}")
            if not part.is_file():
                raise BadZipFile(
                    f"{file.name} has {last_disk + 1} parts, {part.name} is missing"
                )
            parts.append(stack.enter_context(part.open("rb")))
        directory = io.BytesIO(_new_directory(_Joined([*parts, last])))
        whole = io.BufferedReader(_Joined([*parts, last, directory]))
        yield stack.enter_context(ZipFile(whole))


class _Joined(io.RawIOBase):
    """Files read as one, in order."""

    def __init__(self, files: Sequence[io.BufferedIOBase]) -> None:
        self._files = files
        lengths = (file.seek(0, io.SEEK_END) for file in files)
        self.starts = [0, *accumulate(lengths)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.starts[-1]}
        self._at = max(0, base[whence] + offset)
        return self._at

    # "any buffer" has no name before Python 3.12
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, or less of it at the end of a file."""
        view = memoryview(buffer).cast("B")
        number = bisect_right(self.starts, self._at) - 1
        if number == len(self._files):
            return 0
        self._files[number].seek(self._at - self.starts[number])
        found = self._files[number].read(len(view))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def _last_disk(last: io.BufferedIOBase) -> int:
    """Number of the last part, counted from 0; 0 as well for what is no zip."""
    at = _end_at(last)
    if at < 0:
        return 0
    last.seek(at)
    disk = int(_END.unpack(last.read(_END.size))[1])
    if disk == _SEE_16:
        last.seek(at - _LOCATOR.size)
        disk = int(_LOCATOR.unpack(last.read(_LOCATOR.size))[3]) - 1
    return disk


def _end_at(file: io.BufferedIOBase) -> int:
    length = file.seek(0, io.SEEK_END)
    start = max(0, length - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    found = file.read().rfind(_END_MARK)
    return start + found if found >= 0 else -1


def _new_directory(joined: _Joined) -> bytes:
    """Directory and end records as they stand in a zip of one part."""
    whole = io.BufferedReader(joined)
    try:
        disk, size, offset = _old_directory(whole, joined.starts)
        whole.seek(joined.starts[disk] + offset)
        entries = list(_moved_entries(whole.read(size), joined.starts))
    except (struct.error, IndexError) as error:
        raise BadZipFile(f"its directory cannot be read ({error})") from error
    body, start, count = b"".join(entries), joined.starts[-1], len(entries)
    end64 = _END64.pack(
        _END64_MARK,
        _END64.size - 12,  # the record's length does not count its first 12 bytes
        *(_VERSION_64, _VERSION_64, 0, 0, count, count, len(body), start),
    )
    locator = _LOCATOR.pack(_LOCATOR_MARK, 0, start + len(body), 1)
    end = _END.pack(_END_MARK, 0, 0, _SEE_16, _SEE_16, _SEE_32, _SEE_32, 0)
    return body + end64 + locator + end


def _old_directory(
    whole: io.BufferedIOBase, starts: Sequence[int]
) -> tuple[int, int, int]:
    """Part in which the directory begins, its length, and its offset there."""
    at = _end_at(whole)
    whole.seek(at - _LOCATOR.size)
    locator = _LOCATOR.unpack(whole.read(_LOCATOR.size))
    if locator[0] == _LOCATOR_MARK:
        whole.seek(starts[locator[1]] + locator[2])
        end64 = _END64.unpack(whole.read(_END64.size))
        return int(end64[5]), int(end64[8]), int(end64[9])
    end = _END.unpack(whole.read(_END.size))
    return int(end[2]), int(end[5]), int(end[6])


def _moved_entries(directory: bytes, starts: Sequence[int]) -> Iterator[bytes]:
    """Entries whose offsets count from the first part, always as 64-bit numbers."""
    at = 0
    while directory[at : at + len(_ENTRY_MARK)] == _ENTRY_MARK:
        fields = list(_ENTRY.unpack_from(directory, at))
        at += _ENTRY.size
        packed, unpacked, disk, offset = fields[8], fields[9], fields[13], fields[16]
        name, extra, comment = (
            directory[at + sum(fields[10:i]) : at + sum(fields[10 : i + 1])]
            for i in (10, 11, 12)
        )
        at += len(name) + len(extra) + len(comment)
        old64, others = _split_extra(extra)
        new64 = b""
        for value in (unpacked, packed):
            if value == _SEE_32:
                new64, old64 = new64 + old64[:8], old64[8:]
        if offset == _SEE_32:
            (offset,), old64 = struct.unpack("<Q", old64[:8]), old64[8:]
        if disk == _SEE_16:
            (disk,) = struct.unpack("<L", old64[:4])
        new64 += struct.pack("<Q", starts[disk] + offset)
        extra = _EXTRA.pack(_EXTRA64, len(new64)) + new64 + others
        fields[2] = max(fields[2], _VERSION_64)
        fields[11], fields[13], fields[16] = len(extra), 0, _SEE_32
        yield _ENTRY.pack(*fields) + name + extra + comment


def _split_extra(extra: bytes) -> tuple[bytes, bytes]:
    """The 64-bit field's content, and the other fields as they are."""
    found, others = b"", b""
    while len(extra) >= _EXTRA.size:
        mark, length = _EXTRA.unpack_from(extra)
        end = _EXTRA.size + length
        if mark == _EXTRA64:
            found = extra[_EXTRA.size : end]
        else:
            others += extra[:end]
        extra = extra[end:]
    return found, others
