"""Scenes of the user: a folder each with s1.tif, s2.tif and, for labels, label.tif."""

from pathlib import Path

from sentinel_fusion.data.patches import (
    UNKNOWN_SEASON,
    MissingRastersError,
    Patch,
    paired_raster,
)


def list_patches(folder: Path, *, with_labels: bool, label_scheme: str) -> list[Patch]:
    """Scenes below a folder; each is one place, of any size.

    Args:
        folder: A scene folder itself, or a folder with scene folders at any depth.
        with_labels: Whether every scene must have ``label.tif``.
        label_scheme: Code scheme of the label rasters, a key of ``LABEL_SCHEMES``.

    Returns:
        One patch a scene, in order of the folders' names.

    Raises:
        MissingRastersError: If there is none, or a partner raster is missing.
    """
    radar = sorted(folder.rglob("s1.tif"))
    if not radar:
        raise MissingRastersError(
            f"{folder} holds no s1.tif; put each scene in a folder of its own as "
            "s1.tif (VV, VH in dB), s2.tif (13 bands) and label.tif, or mend "
            "sources.<role>.path in params.yaml"
        )
    return [
        Patch(
            patch_id=name,
            place_id=name,
            group="folder",
            season=UNKNOWN_SEASON,
            s1=s1,
            s2=paired_raster(s1, s1.with_name("s2.tif")),
            label=paired_raster(s1, s1.with_name("label.tif")) if with_labels else None,
            label_scheme=label_scheme,
        )
        for s1 in radar
        for name in [
            "-".join(s1.parent.relative_to(folder).parts) or folder.resolve().name
        ]
    ]


def prepare(
    path: Path, raw: Path, *, role: str, seed: int, label_scheme: str
) -> list[Patch]:
    """Scenes of the user on disk.

    Args:
        path: A scene folder, or a folder of scene folders.
        raw: Not written to.
        role: "pretrain" or "labelled"; only the latter reads labels.
        seed: Not drawn from.
        label_scheme: Code scheme of the label rasters.

    Returns:
        The scenes, one patch each.
    """
    return list_patches(path, with_labels=role == "labelled", label_scheme=label_scheme)
