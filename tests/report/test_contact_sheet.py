import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sentinel_fusion.classes import CLASS_COLOURS, IGNORE_INDEX
from sentinel_fusion.report.contact_sheet import draw_contact_sheet, random_tiles

LONG = "ROIs1970_fall/a/folder/with/a/very/long/name/scene_139"


def _figure(num_tiles: int = 3, **columns: object) -> Figure:
    shape = (num_tiles, 4, 4)
    index = pd.DataFrame(
        {
            "place_id": [f"place {number}" for number in range(num_tiles)],
            "season": "unknown",
            **columns,
        }
    )
    return draw_contact_sheet(
        np.full((*shape, 13), 1500, np.uint16),
        np.full((*shape, 2), -1000, np.int16),
        index,
        title="random tiles: labelled",
        caption="tiles from folder, seed 0",
    )


def _words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_the_same_seed_draws_the_same_tiles_once_each() -> None:
    first, second = (random_tiles(50, 12, np.random.default_rng(4)) for _ in range(2))
    assert first.tolist() == second.tolist() == sorted(set(first.tolist()))
    assert len(first) == 12


def test_a_small_store_is_drawn_whole() -> None:
    assert random_tiles(3, 12, np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_a_tile_has_an_optical_and_a_radar_picture() -> None:
    figure = _figure()
    optical, radar = (panel.images[0].get_array() for panel in figure.axes[:2])
    assert len(figure.axes) == 6
    assert np.ptp(np.asarray(optical)[0, 0]) == 0
    assert np.ptp(np.asarray(radar)[0, 0]) > 0


def test_a_labelled_tile_has_its_class_and_is_framed_in_its_colour() -> None:
    figure = _figure(majority=[0, 7, IGNORE_INDEX])
    frames = [to_hex(p.spines["left"].get_edgecolor()) for p in figure.axes[::2]]
    assert frames == [CLASS_COLOURS[0], CLASS_COLOURS[7], "#666666"]
    assert _words(figure)[:2] == ["forest\nplace 0", "water\nplace 1"]


def test_an_unlabelled_tile_has_its_season() -> None:
    assert _words(_figure(season="fall"))[0] == "fall\nplace 0"


def test_class_and_season_stand_together() -> None:
    words = _words(_figure(season="fall", majority=[4, 4, 4]))
    assert words[0] == "cropland, fall\nplace 0"


def test_a_tile_of_which_nothing_is_known_says_so() -> None:
    assert _words(_figure())[0] == "no class, season unknown\nplace 0"


def test_the_end_of_a_long_place_is_kept() -> None:
    place = _words(_figure(1, place_id=[LONG]))[0].split("\n")[1]
    assert place.startswith("…")
    assert LONG.endswith(place[1:])


def test_title_and_caption_say_which_data() -> None:
    title, caption = _words(_figure())[-2:]
    assert title == "random tiles: labelled"
    assert caption.replace("\n", " ").endswith("tiles from folder, seed 0")


@pytest.mark.parametrize("num_tiles", [1, 4, 13])
def test_everything_fits_into_the_figure(num_tiles: int) -> None:
    figure = _figure(num_tiles, place_id=[LONG] * num_tiles)
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
