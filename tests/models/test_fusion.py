import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS
from sentinel_fusion.models.fusion import Bands, FusedEncoder, build_fused
from sentinel_fusion.models.timm_encoder import TimmEncoder


class Mean(TimmEncoder):
    """Channel means times a weight: features that can be worked by hand."""

    def __init__(self, in_channels: int) -> None:
        nn.Module.__init__(self)
        self.num_features = in_channels
        self.weight = nn.Parameter(torch.randn(in_channels))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) * self.weight

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        return [images * 2, images[:, :, ::2, ::2] * 4]


IMAGES = {"s1": torch.full((3, 2, 4, 4), 2.0), "s2": torch.full((3, 13, 4, 4), 5.0)}


def _fused(
    inputs: tuple[str, ...] = ("s1", "s2"),
    fusion: str = "late",
    bands: Bands | None = None,
    seed: int = 0,
) -> FusedEncoder:
    return build_fused(Mean, inputs=inputs, bands=bands or {}, fusion=fusion, seed=seed)


def _numbered() -> dict[str, Tensor]:
    """Images whose pixels are the number of their band."""
    return {
        sensor: torch.arange(float(len(names))).view(1, -1, 1, 1).expand(2, -1, 4, 4)
        for sensor, names in BANDS.items()
    }


def test_late_fusion_concatenates_in_the_order_of_inputs() -> None:
    fused = _fused()
    first, second = (fused.encoders[sensor].weight for sensor in ("s1", "s2"))
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    expected = torch.cat([2 * first, 5 * second]).expand(3, 15)
    torch.testing.assert_close(fused(IMAGES), expected)


def test_early_fusion_stacks_the_bands_of_both_sensors() -> None:
    fused = _fused(fusion="early")
    weight = fused.encoders["stacked"].weight
    assert isinstance(weight, Tensor)
    values = torch.cat([torch.full((2,), 2.0), torch.full((13,), 5.0)])
    torch.testing.assert_close(fused(IMAGES), (values * weight).expand(3, 15))


@pytest.mark.parametrize(("sensor", "bands"), [("s1", 2), ("s2", 13)])
def test_single_sensor_ignores_the_other(sensor: str, bands: int) -> None:
    assert _fused((sensor,), "single")(IMAGES).shape == (3, bands)


def test_same_seed_gives_the_same_weights() -> None:
    first, second = (_fused(seed=4).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_building_leaves_torchs_random_state_alone() -> None:
    before = torch.get_rng_state()
    _fused(("s1",), "single", seed=4)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("inputs", "fusion", "widths"),
    [
        (("s1",), "single", {"s1": 2}),
        (("s1", "s2"), "late", {"s1": 2, "s2": 13}),
        (("s1", "s2"), "early", {"stacked": 15}),
    ],
)
def test_the_features_width_is_the_sum_over_encoders(
    inputs: tuple[str, ...], fusion: str, widths: dict[str, int]
) -> None:
    fused = _fused(inputs, fusion)
    assert {name: e.num_features for name, e in fused.encoders.items()} == widths
    assert fused.num_features == sum(widths.values())


def test_chosen_bands_are_seen_in_their_order() -> None:
    fused = _fused(bands={"s2": ("B04", "B03", "B02")})
    view = fused.views(_numbered())["s2"]
    assert view[0, :, 0, 0].tolist() == [3, 2, 1]


def test_a_sensor_without_chosen_bands_is_seen_whole() -> None:
    fused = _fused(bands={"s2": ("B04",)})
    assert torch.equal(fused.views(_numbered())["s1"], _numbered()["s1"])


def test_early_fusion_stacks_chosen_bands_by_sensor() -> None:
    bands: Bands = {"s1": ("VH",), "s2": ("B12", "B01")}
    view = _fused(fusion="early", bands=bands).views(_numbered())["stacked"]
    assert view[0, :, 0, 0].tolist() == [1, 12, 0]


@pytest.mark.parametrize("fusion", ["early", "late"])
def test_encoders_have_the_channels_of_the_chosen_bands(fusion: str) -> None:
    fused = _fused(fusion=fusion, bands={"s2": ("B04", "B03", "B02")})
    assert fused(_numbered()).shape == (2, 2 + 3)


def test_an_unknown_band_is_refused() -> None:
    with pytest.raises(ValueError, match="s1 bands must be among VV, VH, got HH"):
        _fused(bands={"s1": ("HH",)}).views(_numbered())


@pytest.mark.parametrize(
    ("fusion", "names"), [("late", ["s1", "s2"]), ("early", ["stacked"])]
)
def test_maps_are_kept_apart_by_encoder(fusion: str, names: list[str]) -> None:
    maps = _fused(fusion=fusion).feature_maps(IMAGES)
    assert list(maps) == names
    assert all([m.shape[-1] for m in found] == [4, 2] for found in maps.values())


def test_maps_are_of_the_chosen_bands() -> None:
    maps = _fused(bands={"s2": ("B04", "B02")}).feature_maps(_numbered())
    assert maps["s2"][1][0, :, 0, 0].tolist() == [4 * 3, 4 * 1]
