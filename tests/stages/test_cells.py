from pathlib import Path

import pytest
from stages.cells import Cell, cell_folder, cells, prune, prune_arms

from sentinel_fusion.params import Params, load_params
from sentinel_fusion.sections.training import Grid

LIVE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(scope="module")
def params() -> Params:
    """The live params with a grid of six cells."""
    grid = Grid(
        label_fracs=(0.1, 1.0),
        arms={"single_label": ("late",), "segmentation": ("late", "early")},
    )
    live = load_params(LIVE)
    return live.model_copy(update={"grid": grid})


def _make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "cost.json").touch()
    return root


def _left(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.glob("**/*")}


def test_every_arm_of_a_task_has_a_cell_a_fraction(params: Params) -> None:
    assert list(cells(params)) == [
        ("late", "single_label", 0.1),
        ("late", "single_label", 1.0),
        ("late", "segmentation", 0.1),
        ("late", "segmentation", 1.0),
        ("early", "segmentation", 0.1),
        ("early", "segmentation", 1.0),
    ]


@pytest.mark.parametrize(
    ("name", "label_frac"),
    [("1.0", 1.0), ("1", 1.0), ("0.1", 0.1), ("0.10", 0.1), ("1e-4", 0.0001)],
)
def test_a_folder_is_found_however_its_fraction_is_written(
    tmp_path: Path, name: str, label_frac: float
) -> None:
    _make(tmp_path, "late/single_label/0.5", f"late/single_label/{name}")
    found = cell_folder(tmp_path, ("late", "single_label", label_frac))
    assert found == tmp_path / "late" / "single_label" / name


@pytest.mark.parametrize(
    "cell",
    [
        ("late", "segmentation", 0.5),
        ("late", "single_label", 0.1),
        ("early", "segmentation", 0.1),
    ],
)
def test_a_cell_that_was_not_run_is_refused_with_the_stage_to_run(
    tmp_path: Path, cell: Cell
) -> None:
    _make(tmp_path, "late/segmentation/0.1")
    arm, task, label_frac = cell
    message = f"no cell {arm} {task} {label_frac} below .*; run `dvc repro grid_{task}`"
    with pytest.raises(FileNotFoundError, match=message):
        cell_folder(tmp_path, cell)


def test_cells_of_the_grid_are_kept(tmp_path: Path, params: Params) -> None:
    _make(tmp_path, *("/".join(map(str, cell)) for cell in cells(params)))
    before = _left(tmp_path)
    prune(tmp_path, params)
    assert _left(tmp_path) == before


@pytest.mark.parametrize(
    "gone",
    [
        "late/segmentation/0.5",
        "early/single_label/0.1",
        "late/multi_label/0.1",
        "s1/segmentation/0.1",
    ],
)
def test_cells_that_left_the_grid_are_removed_with_what_held_only_them(
    tmp_path: Path, params: Params, gone: str
) -> None:
    _make(tmp_path, "late/segmentation/0.1", gone)
    prune(tmp_path, params)
    assert _left(tmp_path) == {
        "late",
        "late/segmentation",
        "late/segmentation/0.1",
        "late/segmentation/0.1/cost.json",
    }


def test_pruning_where_nothing_has_run_is_no_fault(
    tmp_path: Path, params: Params
) -> None:
    prune(tmp_path / "grid", params)
    assert _left(tmp_path) == set()


def test_an_arm_that_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    _make(tmp_path, "late", "gone")
    (tmp_path / ".gitignore").touch()
    prune_arms(tmp_path, ["late", "early"])
    assert _left(tmp_path) == {".gitignore", "late", "late/cost.json"}


def test_pruning_arms_where_nothing_has_run_is_no_fault(tmp_path: Path) -> None:
    prune_arms(tmp_path / "pretrain", ["late"])
    assert _left(tmp_path) == set()
