from dataclasses import astuple

import numpy as np
import pytest
from tests.data.synthetic.dfc2020_statistics import (
    CALIBRATED_BANDS,
    S1_MEAN_DB,
    S1_SD_DB,
    S2_MEAN,
    S2_SD,
)

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.classes import CLASS_TO_DFC, DFC_TO_CLASS, NUM_CLASSES
from sentinel_fusion.data.synthetic.place import SEASONS
from sentinel_fusion.data.synthetic.scene import Scene, simulate_scene

CALIBRATED = [S2_BANDS.index(name) for name in CALIBRATED_BANDS]


def _pixels(scenes: list[Scene], sensor: str) -> np.ndarray:
    stack = np.stack([getattr(scene, sensor) for scene in scenes]).astype(np.float64)
    return stack.reshape(-1, stack.shape[-1])


def _tile_classes(scenes: list[Scene], tile_px: int) -> np.ndarray:
    label = DFC_TO_CLASS[np.stack([scene.label for scene in scenes])]
    number, side = label.shape[0], label.shape[1] // tile_px
    tiles = label.reshape(number, side, tile_px, side, tile_px).swapaxes(2, 3)
    votes = tiles.reshape(-1, tile_px**2, 1) == np.arange(NUM_CLASSES)
    return np.asarray(votes.sum(axis=1).argmax(axis=1))


@pytest.mark.parametrize("season", SEASONS)
def test_shapes_and_types_are_those_promised(
    season: str, rng: np.random.Generator
) -> None:
    scene = simulate_scene(height_px=32, width_px=49, season=season, rng=rng)
    assert [array.shape for array in astuple(scene)] == [
        (32, 49, 2),
        (32, 49, 13),
        (32, 49),
    ]
    assert [array.dtype for array in astuple(scene)] == [
        np.float32,
        np.uint16,
        np.uint8,
    ]


def test_same_generator_state_gives_same_scene() -> None:
    one, two = (
        simulate_scene(
            height_px=32, width_px=32, season="fall", rng=np.random.default_rng(5)
        )
        for _ in range(2)
    )
    for left, right in zip(astuple(one), astuple(two), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", ["height_px", "width_px"])
def test_tiny_scenes_are_refused(name: str, rng: np.random.Generator) -> None:
    sides = {"height_px": 32, "width_px": 32, name: 15}
    with pytest.raises(ValueError, match=f"{name} must be >= 16, got 15"):
        simulate_scene(season="fall", rng=rng, **sides)


def test_labels_are_the_scored_classes(scenes: list[Scene]) -> None:
    codes = np.unique(np.stack([scene.label for scene in scenes]))
    np.testing.assert_array_equal(codes, np.sort(CLASS_TO_DFC))


def test_no_class_is_missing_or_dominates(scenes: list[Scene]) -> None:
    shares = np.bincount(_tile_classes(scenes, 32), minlength=NUM_CLASSES)
    shares = shares / shares.sum()
    assert shares.min() > 0.02
    assert shares.max() < 0.33


def test_values_are_possible(scenes: list[Scene]) -> None:
    assert np.isfinite(_pixels(scenes, "s1")).all()
    reflectance = _pixels(scenes, "s2")
    assert reflectance.min() >= 1
    assert reflectance.max() < 20000


def test_optical_means_are_those_of_dfc2020(scenes: list[Scene]) -> None:
    means = _pixels(scenes, "s2").mean(axis=0)
    ratio = means[CALIBRATED] / np.array(S2_MEAN)[CALIBRATED]
    np.testing.assert_allclose(ratio, 1, atol=0.25)


def test_optical_spreads_are_those_of_dfc2020(scenes: list[Scene]) -> None:
    spreads = _pixels(scenes, "s2").std(axis=0)
    ratio = spreads[CALIBRATED] / np.array(S2_SD)[CALIBRATED]
    np.testing.assert_allclose(ratio, 1, atol=0.4)


def test_cirrus_band_is_nearly_empty(scenes: list[Scene]) -> None:
    cirrus = _pixels(scenes, "s2")[:, S2_BANDS.index("B10")]
    assert 8 < cirrus.mean() < 17
    assert cirrus.max() < 100


def test_radar_statistics_are_those_of_dfc2020(scenes: list[Scene]) -> None:
    backscatter = _pixels(scenes, "s1")
    np.testing.assert_allclose(backscatter.mean(axis=0), S1_MEAN_DB, atol=2)
    np.testing.assert_allclose(backscatter.std(axis=0), S1_SD_DB, atol=2)
