from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import unit_normalisation
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.arms import ArmConfig, build_encoder, build_method
from sentinel_fusion.train.diagnose import (
    Probe,
    Watched,
    diagnose,
    direction_names,
)
from sentinel_fusion.train.watch import watch

SIMCLR = {
    "projection_dim": 8,
    "temperature": 0.1,
    "negatives": "both",
    "views": "bands",
    "min_crop_share": 0.5,
    "jitter_strength": 0.5,
}
TRAIN, VAL, TEST = np.arange(0, 48, 4), np.arange(1, 48, 4), np.arange(2, 48, 4)


class Spy(BatchLoader):
    """A loader that remembers which tiles were asked for."""

    def __init__(self, loader: BatchLoader) -> None:
        self._loader = loader
        self.rows: set[int] = set()

    def load(self, rows: np.ndarray) -> Batch:  # type: ignore[override]
        self.rows |= set(rows.tolist())
        return self._loader.load(rows)


@pytest.fixture
def watched(loader: BatchLoader) -> Watched:
    return Watched(loader, np.arange(20), precision="float32")


@pytest.fixture
def probe(loader: BatchLoader, store: TileStore) -> Probe:
    classes = store.index(["majority"])["majority"].to_numpy(np.int64)
    return Probe(loader, classes, TRAIN, VAL, neighbours=3)


def _build(arm: ArmConfig) -> nn.Module:
    return build_method(arm, unit_normalisation())


def _simclr(arm: ArmConfig) -> ArmConfig:
    return replace(
        arm, method="simclr", method_options=SIMCLR, inputs=("s2",), fusion="single"
    )


def test_a_sensor_pair_is_named_by_its_sensors(arm: ArmConfig) -> None:
    assert direction_names(build_encoder(arm)) == ("s1", "s2")


def test_two_views_of_one_sensor_are_named_views(arm: ArmConfig) -> None:
    assert direction_names(build_encoder(_simclr(arm))) == ("view1", "view2")


def test_the_directions_average_to_what_was_watched(
    arm: ArmConfig, watched: Watched, probe: Probe
) -> None:
    method = _build(arm)
    found = diagnose(method, watched, probe)
    seen = watch(method, watched.loader, watched.rows, precision="float32")
    for k in (1, 5):
        ways = [found[f"retrieval_{way}_top{k}"] for way in ("s1_s2", "s2_s1")]
        assert np.mean(ways) == pytest.approx(seen[f"retrieval_top{k}"])


def test_views_are_those_that_were_watched(
    arm: ArmConfig, watched: Watched, probe: Probe
) -> None:
    method = _build(_simclr(arm))
    found = diagnose(method, watched, probe)
    seen = watch(method, watched.loader, watched.rows, precision="float32")
    ways = [found[f"retrieval_{way}_top1"] for way in ("view1_view2", "view2_view1")]
    assert np.mean(ways) == pytest.approx(seen["retrieval_top1"])


def test_only_tiles_of_the_probe_are_read(
    arm: ArmConfig, watched: Watched, probe: Probe
) -> None:
    spy = Spy(probe.loader)
    diagnose(_build(arm), watched, replace(probe, loader=spy))
    assert spy.rows == {*TRAIN.tolist(), *VAL.tolist()}


def test_classes_of_test_tiles_do_not_matter(
    arm: ArmConfig, watched: Watched, probe: Probe
) -> None:
    hidden = probe.classes.copy()
    hidden[TEST] = -1
    method = _build(arm)
    assert diagnose(method, watched, replace(probe, classes=hidden)) == diagnose(
        method, watched, probe
    )


class Constant(nn.Module):
    """A method that sees nothing: every tile gets the same vectors."""

    def __init__(self, encoder: FusedEncoder) -> None:
        super().__init__()
        for parameter in encoder.parameters():
            nn.init.zeros_(parameter)
        self.encoder = encoder

    def project(self, images: Batch) -> tuple[Tensor, Tensor]:
        z = torch.ones(len(images["s1"]), 4)
        return z, z


def test_a_method_that_sees_nothing_is_at_chance(
    arm: ArmConfig, watched: Watched, probe: Probe
) -> None:
    found = diagnose(Constant(build_encoder(arm)), watched, probe)
    assert found["retrieval_s1_s2_top1"] == pytest.approx(1 / 20)
    assert found["retrieval_s1_s2_median_rank"] == pytest.approx(10.5)
    assert found["uniformity"] == pytest.approx(0)
    assert found["effective_rank"] <= 1 + 1e-3
