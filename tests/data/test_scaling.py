import pytest
import torch
from torch import Tensor

from sentinel_fusion.bands import BANDS, S1_NAN
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.stats import Normalisation

NORMALISATION = Normalisation(
    mean={"s1": [-10.0, -20.0], "s2": [1000.0 + 10 * band for band in range(13)]},
    sd={"s1": [2.0, 4.0], "s2": [10.0 + band for band in range(13)]},
)


def _scaler(sensor: str) -> Scaler:
    return Scaler(sensor, NORMALISATION, torch.device("cpu"))


def _stored(sensor: str, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    low, high = {"s1": (-3000, 0), "s2": (1, 9000)}[sensor]
    size = (*shape, len(BANDS[sensor]))
    return torch.randint(low, high, size, generator=generator).float()


@pytest.mark.parametrize("sensor", ["s1", "s2"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 5)])
def test_each_band_is_its_value_less_its_mean_by_its_deviation(
    sensor: str, shape: tuple[int, ...]
) -> None:
    values = _stored(sensor, *shape)
    measured = values.double() / (100 if sensor == "s1" else 1)
    mean, sd = (
        torch.tensor(constants[sensor], dtype=torch.float64)
        for constants in (NORMALISATION.mean, NORMALISATION.sd)
    )
    expected = ((measured - mean) / sd).float()
    _scaler(sensor).scale_(values, is_complete=True)
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-5)


def test_images_of_another_width_may_follow() -> None:
    scaler = _scaler("s1")
    scaler.scale_(_stored("s1", 2, 5), is_complete=True)
    values = torch.tensor([[[-1200.0, -2400.0]]])
    scaler.scale_(values, is_complete=True)
    assert values.flatten().tolist() == pytest.approx([-1, -1])


def test_a_missing_radar_value_becomes_the_mean_of_its_band() -> None:
    values = torch.tensor([[[S1_NAN, -2400.0], [-1200.0, -2000.0]]])
    _scaler("s1").scale_(values, is_complete=False)
    assert values.flatten().tolist() == pytest.approx([0, -1, -1, 0], abs=1e-6)


def test_an_optical_pixel_is_missing_only_where_all_bands_are_zero() -> None:
    values = torch.zeros(1, 2, 13)
    values[0, 1, 3] = 1030
    _scaler("s2").scale_(values, is_complete=False)
    assert not values[0, 0].any()
    assert values[0, 1, 0] == pytest.approx(-100)
    assert values[0, 1, 3] == pytest.approx(0, abs=1e-4)
