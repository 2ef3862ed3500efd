import json
from pathlib import Path

import pytest

from sentinel_fusion.data.scenes.block_edges import block_edges, describe_lost_tiles


@pytest.mark.parametrize(
    ("length_px", "block_px", "edges"),
    [
        (40, 0, [0, 40]),
        (40, 16, [0, 16, 32, 40]),
        (40, 12, [0, 12, 24, 40]),
        (40, 100, [0, 40]),
    ],
)
def test_the_rest_is_a_block_from_half_of_one_on(
    length_px: int, block_px: int, edges: list[int]
) -> None:
    assert block_edges(length_px, block_px) == edges


def _write(raw: Path, name: str, height_px: int, width_px: int, block_px: int) -> None:
    (raw / name).mkdir()
    facts = {
        "grid": {"height_px": height_px, "width_px": width_px},
        "blocks": {"block_px": block_px},
    }
    (raw / name / "scene.json").write_text(json.dumps(facts))


def test_lost_tiles_are_told_with_both_counts(tmp_path: Path) -> None:
    """Whole 9 x 9 and 9 x 4 tiles; of 50 + 50 px 4 + 4, of 50 px 4."""
    _write(tmp_path, "a", 100, 100, block_px=50)
    _write(tmp_path, "b", 100, 50, block_px=50)
    text = describe_lost_tiles(tmp_path, size_px=20, stride_px=10)
    assert text.startswith("17.9% of the tiles are lost along the edges of blocks: ")
    assert "would give 117, their blocks give 96;" in text


def test_a_last_block_smaller_than_a_tile_is_lost(tmp_path: Path) -> None:
    """40 px are blocks of 16, 16 and 8 px."""
    _write(tmp_path, "a", 40, 40, block_px=16)
    text = describe_lost_tiles(tmp_path, size_px=10, stride_px=10)
    assert "would give 16, their blocks give 4;" in text


@pytest.mark.parametrize(
    ("block_px", "stride_px"),
    [
        pytest.param(0, 10, id="whole scenes"),
        pytest.param(20, 20, id="tiles side by side"),
        pytest.param(50, 25, id="more tiles in blocks"),
    ],
)
def test_no_loss_needs_no_word(tmp_path: Path, block_px: int, stride_px: int) -> None:
    _write(tmp_path, "a", 100, 100, block_px)
    assert describe_lost_tiles(tmp_path, size_px=20, stride_px=stride_px) == ""


def test_sources_without_scenes_need_no_word(tmp_path: Path) -> None:
    assert describe_lost_tiles(tmp_path, size_px=20, stride_px=20) == ""
