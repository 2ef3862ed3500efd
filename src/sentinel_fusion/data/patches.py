"""Patches: co-located rasters of a source, listed in a manifest that DVC tracks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

SEASONS = ("spring", "summer", "fall", "winter")
UNKNOWN_SEASON = "unknown"
_NAMES_SHOWN = 10


class MissingRastersError(FileNotFoundError):
    """Rasters that a source should hold are not there; the message says what to do."""


@dataclass(frozen=True)
class Patch:
    """Rasters over the same ground.

    Args:
        patch_id: Unique name within the role.
        place_id: Scene or block of neighbouring patches; splits keep it together.
        group: Part of the data set that protocols tell apart ("validation", "test").
        season: One of ``SEASONS`` or ``UNKNOWN_SEASON``.
        s1: Radar raster, VV and VH.
        s2: Optical raster, 13 bands of reflectance x 10000, plus ``s2_offset``.
        label: Land-cover raster; None where the role needs no labels.
        label_scheme: Code scheme of the label raster, a key of ``LABEL_SCHEMES``.
        s1_scale: "db", or "linear" where the radar raster holds power.
        s2_offset: What to subtract from every measured optical value.
        s2_missing: Names of the bands that the source lacks and that are stored as 0,
            separated by blanks.
    """

    patch_id: str
    place_id: str
    group: str
    season: str
    s1: Path
    s2: Path
    label: Path | None
    label_scheme: str
    s1_scale: str = "db"
    s2_offset: int = 0
    s2_missing: str = ""


class Folders:
    """Files in folders, each folder read once and no file asked for by itself.

    Half a million files are paired in seconds so, on a network disk too.
    """

    def __init__(self) -> None:
        """Start with no folder read."""
        self._files: dict[Path, dict[str, Path]] = {}

    def files(self, folder: Path) -> Mapping[str, Path]:
        """Files of a folder.

        Args:
            folder: The folder; need not exist.

        Returns:
            Name -> path; nothing where there is no such folder.
        """
        if folder not in self._files:
            found = folder.iterdir() if folder.is_dir() else ()
            self._files[folder] = {file.name: file for file in found}
        return self._files[folder]

    def partner(self, s1: Path, folder: Path, name: str) -> Path:
        """A raster that must lie beside a radar raster.

        Args:
            s1: Radar raster that exists.
            folder: Folder of the raster expected with it.
            name: Its name.

        Returns:
            Its path.

        Raises:
            MissingRastersError: If it is not there.
        """
        files = self.files(folder)
        if name not in files:
            raise MissingRastersError(_no_partner(s1, folder / name))
        return files[name]


def paired_raster(s1: Path, other: Path) -> Path:
    """The path of a raster that must lie beside a radar raster.

    Args:
        s1: Radar raster that exists.
        other: Raster expected with it.

    Returns:
        ``other``.

    Raises:
        MissingRastersError: If ``other`` does not exist.
    """
    if not other.is_file():
        raise MissingRastersError(_no_partner(s1, other))
    return other


def _no_partner(s1: Path, other: Path) -> str:
    return f"{s1} has no partner {other}; restore that raster or remove {s1.name}"


def name_some(names: Sequence[str]) -> str:
    """Names for a message: the first few, and how many more there are.

    Args:
        names: Ids of patches.

    Returns:
        The text.
    """
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def write_manifest(patches: Iterable[Patch], file: Path) -> None:
    """Write patches as CSV, sorted by patch id.

    Args:
        patches: Patches of one role.
        file: CSV file to write.

    Raises:
        ValueError: If there is no patch or two share an id.
    """
    rows = sorted(patches, key=lambda patch: patch.patch_id)
    if not rows:
        raise ValueError(
            f"{file} needs at least 1 patch, got 0; put rasters below sources.*.path, "
            "or leave fewer of them out in the source's block of download"
        )
    names = [field.name for field in fields(Patch)]
    table = pd.DataFrame(
        {name: [getattr(patch, name) for patch in rows] for name in names}
    )
    twice = table.loc[table["patch_id"].duplicated(), "patch_id"]
    if len(twice):
        s1 = table.loc[table["patch_id"] == twice.iloc[0], "s1"]
        raise ValueError(
            f"patch ids must be unique, got {twice.iloc[0]} for {s1.iloc[0]} and "
            f"{s1.iloc[1]}; rename a file or folder (scenes a/b and a-b get one name)"
        )
    table.to_csv(file, index=False)


def read_manifest(file: Path) -> list[Patch]:
    """Patches as ``write_manifest`` wrote them.

    Args:
        file: CSV file.

    Returns:
        The patches in the file's order.
    """
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    columns: dict[str, list[Any]] = {str(name): table[name].tolist() for name in table}
    for name in ("s1", "s2"):
        columns[name] = [Path(text) for text in columns[name]]
    columns["label"] = [Path(text) if text else None for text in columns["label"]]
    columns["s2_offset"] = [int(text) for text in columns["s2_offset"]]
    rows = zip(*columns.values(), strict=True)
    return [Patch(**dict(zip(columns, row, strict=True))) for row in rows]
