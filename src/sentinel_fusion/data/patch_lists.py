"""Lists of patches or scenes, a line each, as data sets publish their splits.

A line names a raster (``ROIs1158_spring_s2_63_p4.tif``) or a folder of one scene
(``ROIs1158_spring/s1_63``); the sensor in it does not matter.
"""

import re
from collections.abc import Collection
from pathlib import Path

SPLITS = ("train", "val", "test")
_LINE = re.compile(
    r"(?P<top>ROIs\d+_[a-z]+)[_/](?:s1|s2|lc|dfc)_(?P<scene>\d+|validation)"
    r"(?:_(?P<patch>p\d+)(?:\.tif)?)?"
)


class PatchListError(ValueError):
    """A list is missing or cannot be understood; the message says what to do."""


def patch_key(line: str) -> str:
    """What a line of a list stands for, whatever the sensor.

    Args:
        line: Path or name of a raster, or folder of a scene, as data sets write them.

    Returns:
        The same text for all rasters of one patch, or for all folders of one scene.

    Raises:
        PatchListError: If the line is neither.
    """
    *_, above, name = f"/{line}".split("/")
    match = _LINE.fullmatch(name) or _LINE.fullmatch(f"{above}/{name}")
    if match is None:
        raise PatchListError(
            "expected a raster such as ROIs1158_spring_s2_63_p4.tif or a scene such "
            f"as ROIs1158_spring/s1_63, got {line!r}"
        )
    return "/".join(part for part in match.groups() if part)


def is_listed(patch: str, keys: Collection[str]) -> bool:
    """Whether a list names a patch or its scene.

    Args:
        patch: Key of the patch.
        keys: Keys of the list.

    Returns:
        True if it does.
    """
    return patch in keys or patch.rsplit("/", 1)[0] in keys


def read_list(file: Path) -> frozenset[str]:
    """Keys of all lines of a list.

    Args:
        file: Text with a name a line; what follows a comma is not read.

    Returns:
        Keys of patches and scenes.

    Raises:
        PatchListError: If a line cannot be understood or there is none.
    """
    keys = set()
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        name = line.split(",")[0].strip()
        if not name:
            continue
        try:
            keys.add(patch_key(name))
        except PatchListError as error:
            raise PatchListError(f"{file}, line {number}: {error}; mend it") from None
    if not keys:
        raise PatchListError(f"{file} must name at least 1 patch, got 0; fill it")
    return frozenset(keys)


def read_split_lists(folder: Path) -> dict[str, frozenset[str]]:
    """The lists of a folder by the split that their file names tell.

    Args:
        folder: Folder of files such as ``dfc-train-new.csv``.

    Returns:
        Split -> keys; "train" and "val" may be absent.

    Raises:
        PatchListError: If there is no list of "test", or a patch stands in two lists.
    """
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    found = {
        split: frozenset().union(
            *(read_list(file) for file in files if split in file.name)
        )
        for split in SPLITS
    }
    lists = {split: keys for split, keys in found.items() if keys}
    if "test" not in lists:
        names = ", ".join(file.name for file in files) or "nothing"
        raise PatchListError(
            f"{folder} must hold a list with test in its file name, got {names}; "
            "lists/README.md shows how"
        )
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        both = lists.get(first, frozenset()) & lists.get(second, frozenset())
        if both:
            raise PatchListError(
                f"{folder}: {min(both)} stands in the lists of {first} and {second}; "
                "remove it from one"
            )
    return lists
