"""Folders of the grid's cells and of arms, for the stages that read all of them."""

import logging
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from sentinel_fusion.params import Params

_LOG = logging.getLogger(__name__)
GRID = Path("runs/grid")
COSTS = Path("runs/cost/grid")
Cell = tuple[str, str, float]


def cells(params: Params) -> Iterator[Cell]:
    """Cells of the grid.

    Args:
        params: Their axes.

    Yields:
        Arm, task and label fraction.
    """
    for task, arms in params.grid.arms.items():
        for arm in arms:
            for label_frac in params.grid.label_fracs:
                yield arm, task, label_frac


def cell_folder(root: Path, cell: Cell) -> Path:
    """Where a cell's results lie.

    Args:
        root: ``GRID`` or ``COSTS``.
        cell: Arm, task and label fraction.

    Returns:
        Its folder, whose name is the fraction as params.yaml writes it.

    Raises:
        FileNotFoundError: If it has not been run.
    """
    arm, task, label_frac = cell
    folder = root / arm / task
    for found in folder.glob("[0-9]*"):
        if float(found.name) == label_frac:
            return found
    raise FileNotFoundError(
        f"no cell {arm} {task} {label_frac:g} below {root}; run "
        f"`dvc repro grid_{task}`; a task of grid.arms needs a stage of that name"
    )


def prune(root: Path, params: Params) -> None:
    """Remove cells that left the grid, whose folders no clone could reproduce.

    Args:
        root: ``GRID`` or ``COSTS``.
        params: Axes of the grid.
    """
    wanted = set(cells(params))
    for folder in sorted(path for path in root.glob("*/*/[0-9]*") if path.is_dir()):
        arm, task, label_frac = folder.parts[-3:]
        if (arm, task, float(label_frac)) in wanted:
            continue
        _remove(folder)
        for parent in (folder.parent, folder.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()


def prune_arms(root: Path, arms: Collection[str]) -> None:
    """Remove arms that left, whose folders no clone could reproduce.

    Args:
        root: Folder with a folder an arm.
        arms: Names of the arms that are kept.
    """
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        if folder.name not in arms:
            _remove(folder)


def _remove(folder: Path) -> None:
    _LOG.info("removing %s, which params.yaml does not name any more", folder)
    shutil.rmtree(folder)
