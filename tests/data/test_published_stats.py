import pytest

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.data.published_stats import (
    PUBLISHED,
    PublishedStats,
    published_range,
)


@pytest.mark.parametrize("stats", PUBLISHED, ids=lambda stats: stats.name)
def test_every_band_has_a_mean_and_a_deviation(stats: PublishedStats) -> None:
    assert len(stats.mean) == len(stats.sd) == len(S1_BANDS) + len(S2_BANDS)
    assert min(stats.sd) > 0


@pytest.mark.parametrize("stats", PUBLISHED, ids=lambda stats: stats.name)
def test_the_cirrus_band_is_by_far_the_darkest(stats: PublishedStats) -> None:
    levels = {name: stats.of(name)[0] for name in S2_BANDS}
    cirrus = levels.pop("B10")
    assert cirrus < min(levels.values()) / 10


@pytest.mark.parametrize("stats", PUBLISHED, ids=lambda stats: stats.name)
def test_vv_is_brighter_than_vh(stats: PublishedStats) -> None:
    assert stats.of("VH")[0] < stats.of("VV")[0] < 0


def test_a_range_names_every_data_set() -> None:
    words = "DFC2020 14.8 +- 14.3, SSL4EO-S12 22.1 +- 51.2"
    assert published_range("B10") == words
