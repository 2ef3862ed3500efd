import numpy as np
import pytest
import torch

from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.train import passes
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.passes import TILES_A_PASS, encode_tiles, in_passes


@pytest.mark.parametrize("tiles", [0, 1, TILES_A_PASS, 2 * TILES_A_PASS + 1])
def test_passes_hold_every_row_once_in_order(tiles: int) -> None:
    cut = in_passes(np.arange(tiles))
    assert [row for some in cut for row in some] == [*range(tiles)]
    assert all(0 < len(some) <= TILES_A_PASS for some in cut)


def test_features_come_in_the_order_of_the_rows(
    arm: ArmConfig, loader: BatchLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "TILES_A_PASS", 2)
    encoder = build_encoder(arm).eval()
    rows = np.array([7, 3, 30, 12, 5])
    found = encode_tiles(encoder, loader, rows, precision="float32")
    with torch.no_grad():
        expected = encoder(loader.load(rows))
    assert torch.allclose(found, expected, atol=1e-5)


def test_features_are_of_the_wanted_precision(
    arm: ArmConfig, loader: BatchLoader
) -> None:
    encoder, rows = build_encoder(arm), np.arange(8)
    exact, rounded = (
        encode_tiles(encoder, loader, rows, precision=precision)
        for precision in ("float32", "bfloat16")
    )
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.1, rtol=0.1)
