import json
from pathlib import Path

import dask
import numpy as np
import pytest
from stages import tile
from tests.builders import s1_pixels, write_raster, write_sen12ms_patch

from sentinel_fusion.data.patches import write_manifest
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.tiles import TileRules
from sentinel_fusion.data.tiling import block
from sentinel_fusion.params import load_params

LIVE = Path(__file__).parents[2] / "params.yaml"
RULES = TileRules(
    size_px=16,
    stride_px=16,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)


def _tile(
    folder: Path, monkeypatch: pytest.MonkeyPatch, s1: np.ndarray, **values: str
) -> Path:
    """Run the stage over one patch with some radar pixels; where its store lies.

    Without pixels the raster is no raster.
    """
    write_sen12ms_patch(folder / "source", size_px=32)
    (patch,) = list_patches(folder / "source", with_labels=False)
    if s1.size:
        write_raster(patch.s1, s1.astype(np.float32))
    else:
        patch.s1.write_bytes(b"cut short")
    (folder / "data/raw/pretrain").mkdir(parents=True, exist_ok=True)
    write_manifest([patch], folder / "data/raw/pretrain/patches.csv")
    monkeypatch.chdir(folder)
    params = load_params(LIVE)
    section = params.tile.model_copy(update={**vars(RULES), **values})
    params = params.model_copy(update={"tile": section})
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


def test_tiles_lost_between_blocks_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    facts = {"grid": {"height_px": 48, "width_px": 48}, "blocks": {"block_px": 24}}
    scene = tmp_path / "data/raw/pretrain/a"
    scene.mkdir(parents=True)
    (scene / "scene.json").write_text(json.dumps(facts))
    _tile(tmp_path, monkeypatch, s1_pixels(32))
    assert "pretrain: 55.6% of the tiles are lost along the edges" in caplog.text


def test_unreadable_patches_end_the_stage_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block, "_RETRY_AFTER_S", 0.0)
    with pytest.raises(SystemExit, match=r"at most 0 .* spring-1-p30 \(s1_unreadable"):
        _tile(tmp_path, monkeypatch, np.empty(0))


def test_the_scheduler_of_the_params_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.1s"}),
        pytest.raises(SystemExit, match=r"tile\.scheduler must be the address"),
    ):
        _tile(tmp_path, monkeypatch, s1_pixels(32), scheduler="tcp://127.0.0.1:1")


def test_bad_patches_are_named_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    s1 = s1_pixels(32)
    s1[0, 3, 3] = np.nan
    _tile(tmp_path, monkeypatch, s1)
    assert "pretrain s1_invalid: spring-1-p30" in caplog.text
