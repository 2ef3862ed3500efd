import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.models.fusion import build_fused


class Mean(nn.Module):
    """Channel means times a weight: features that can be worked by hand."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.num_features = in_channels
        self.weight = nn.Parameter(torch.randn(in_channels))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) * self.weight


IMAGES = {"s1": torch.full((3, 2, 4, 4), 2.0), "s2": torch.full((3, 13, 4, 4), 5.0)}


def test_late_fusion_concatenates_in_the_order_of_inputs() -> None:
    fused = build_fused(Mean, inputs=("s1", "s2"), fusion="late", seed=0)
    first, second = (fused.encoders[sensor].weight for sensor in ("s1", "s2"))
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    expected = torch.cat([2 * first, 5 * second]).expand(3, 15)
    torch.testing.assert_close(fused(IMAGES), expected)


def test_early_fusion_stacks_the_bands_of_both_sensors() -> None:
    fused = build_fused(Mean, inputs=("s1", "s2"), fusion="early", seed=0)
    weight = fused.encoders["stacked"].weight
    assert isinstance(weight, Tensor)
    values = torch.cat([torch.full((2,), 2.0), torch.full((13,), 5.0)])
    torch.testing.assert_close(fused(IMAGES), (values * weight).expand(3, 15))


@pytest.mark.parametrize(("sensor", "bands"), [("s1", 2), ("s2", 13)])
def test_single_sensor_ignores_the_other(sensor: str, bands: int) -> None:
    fused = build_fused(Mean, inputs=(sensor,), fusion="single", seed=0)
    assert fused(IMAGES).shape == (3, bands)


def test_same_seed_gives_the_same_weights() -> None:
    first, second = (
        build_fused(Mean, inputs=("s1", "s2"), fusion="late", seed=4).state_dict()
        for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_building_leaves_torchs_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_fused(Mean, inputs=("s1",), fusion="single", seed=4)
    assert torch.equal(before, torch.get_rng_state())
