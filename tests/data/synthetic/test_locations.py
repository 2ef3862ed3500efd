import numpy as np
import pytest

from sentinel_fusion.data.synthetic.locations import ROLES, draw_locations

EARTH_RADIUS_KM = 6371.0


def _nearest_km(places: list[tuple[float, float]]) -> float:
    longitude, latitude = np.deg2rad(np.array(places)).T
    cosine = np.sin(latitude)[:, None] * np.sin(latitude) + np.cos(latitude)[
        :, None
    ] * np.cos(latitude) * np.cos(longitude[:, None] - longitude)
    np.fill_diagonal(cosine, -1)
    return float(EARTH_RADIUS_KM * np.arccos(cosine.max()))


@pytest.mark.parametrize("seeds", [(0, 0, 0), (0, 1, 2)])
def test_no_two_places_within_20_km_across_roles(seeds: tuple[int, ...]) -> None:
    places = [
        (location.longitude, location.latitude)
        for role, seed in zip(ROLES, seeds, strict=True)
        for location in draw_locations(role, 250, seed)
    ]
    assert _nearest_km(places) > 20


def test_more_places_keep_the_earlier_ones() -> None:
    assert draw_locations("test", 9, 3)[:4] == draw_locations("test", 4, 3)


def test_other_seed_gives_other_places() -> None:
    assert draw_locations("test", 4, 3) != draw_locations("test", 4, 4)


def test_zone_is_the_one_of_the_longitude() -> None:
    for location in draw_locations("pretrain", 50, 0):
        central = (location.epsg % 100) * 6 - 183
        assert abs(location.longitude - central) <= 3
        assert (location.epsg < 32700) == (location.latitude >= 0)


def test_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="role must be one of pretrain"):
        draw_locations("train", 1, 0)


def test_more_places_than_room_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_places must be <= .* for test"):
        draw_locations("test", 10**6, 0)
