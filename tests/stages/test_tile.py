from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stages import tile
from tests.builders import s1_pixels, write_raster, write_sen12ms_patch

from sentinel_fusion.data.patches import write_manifest
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.tiles import TileRules

RULES = TileRules(
    size_px=16,
    stride_px=16,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)


def _tile(folder: Path, monkeypatch: pytest.MonkeyPatch, s1: np.ndarray) -> Path:
    """Run the stage over one patch with some radar pixels; where its store lies."""
    write_sen12ms_patch(folder / "source", size_px=32)
    (patch,) = list_patches(folder / "source", with_labels=False)
    write_raster(patch.s1, s1.astype(np.float32))
    (folder / "data/raw/pretrain").mkdir(parents=True)
    write_manifest([patch], folder / "data/raw/pretrain/patches.csv")
    monkeypatch.chdir(folder)
    work = {"retries": 0, "max_unreadable_share": 0.0, "workers": 1, "scheduler": ""}
    rules = SimpleNamespace(model_dump=lambda: vars(RULES) | work)
    params = SimpleNamespace(tile=rules)
    monkeypatch.setattr(tile, "load_params", lambda: params)
    tile.main("pretrain")
    return folder / "data/tiles/pretrain"


def test_a_roles_patches_become_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _tile(tmp_path, monkeypatch, s1_pixels(32))
    assert np.load(store / "s1-00000.npy").shape == (4, 16, 16, 2)


def test_pixels_of_a_wrong_unit_are_refused_and_leave_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = 10 ** (s1_pixels(32) / 10)
    with pytest.raises(
        SystemExit, match=r"data/tiles/pretrain holds .*\n- VV .*linear"
    ):
        _tile(tmp_path, monkeypatch, power)
    assert not (tmp_path / "data/tiles/pretrain").exists()
