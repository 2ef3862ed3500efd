"""Folders that a stage writes."""

import shutil
from pathlib import Path

SIDE_FOLDER = Path(".checkpoints")
"""What lets broken-off work go on; ignored by Git and DVC."""
SHARED_FEATURES = SIDE_FOLDER / "features"
"""Frozen features that the cells of an arm share; not needed once cells are scored."""


def make_empty(folder: Path) -> Path:
    """Make a folder that holds nothing.

    What lies there may be hard links into DVC's cache: they are removed, not written
    over, so that a stage run by hand cannot change a cached file.

    Args:
        folder: Folder to empty or make.

    Returns:
        The folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
