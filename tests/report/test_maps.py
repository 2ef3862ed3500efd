from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sentinel_fusion.bands import S1_NAN, S2_BANDS
from sentinel_fusion.classes import CLASS_COLOURS, CLASS_NAMES, IGNORE_INDEX
from sentinel_fusion.report.figure_files import save_figure
from sentinel_fusion.report.maps import (
    choose_shown,
    draw_maps,
    radar_composite,
    true_colour,
)

PLACES = np.array(["a", "b", "c", "d"])
HALVES = np.array([[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0, 0, 0.9, 0.1], [0.6, 0.4, 0, 0]])


def _figure(num_tiles: int = 2, num_predictions: int = 2, size_px: int = 4) -> Figure:
    shape = (num_tiles, size_px, size_px)
    pixels = np.arange(num_tiles * size_px**2).reshape(shape)
    labels = (pixels % 8).astype(np.uint8)
    labels[0, 0] = IGNORE_INDEX
    predictions = {f"arm_{i}": labels % 8 for i in range(num_predictions)}
    if num_predictions:
        predictions["arm_0"] = np.where(pixels % size_px, labels % 8, 0).astype("uint8")
    return draw_maps(
        np.broadcast_to(pixels[..., None] * 50, (*shape, 13)).astype(np.uint16),
        np.broadcast_to(pixels[..., None] - 1000, (*shape, 2)).astype(np.int16),
        labels,
        predictions,
        caption="synthetic, protocol B",
    )


def test_the_tile_with_the_most_even_classes_comes_first() -> None:
    assert choose_shown(HALVES, PLACES, 1).tolist() == [0]


def test_a_tile_with_new_classes_goes_before_a_more_even_one() -> None:
    assert choose_shown(HALVES, PLACES, 3).tolist() == [0, 2, 3]


def test_a_trace_of_a_class_does_not_show_it() -> None:
    trace = np.array([[0.5, 0.5, 0.0], [0.96, 0.0, 0.04], [0.8, 0.2, 0.0]])
    assert choose_shown(trace, PLACES[:3], 2).tolist() == [0, 2]


def test_a_place_gives_one_tile_at_most() -> None:
    places = np.array([7, 7, 7, 9])
    assert choose_shown(HALVES, places, 4).tolist() == [0, 3]


def test_equal_tiles_are_taken_by_index() -> None:
    equal = np.array([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2], [0.3, 0.5, 0.2]])
    assert choose_shown(equal, PLACES[:3], 3).tolist() == [0, 1, 2]


def test_the_entropy_is_that_of_the_labelled_part() -> None:
    partly = np.array([[0.3, 0.3, 0.0], [0.7, 0.3, 0.0], [0.0, 0.0, 0.0]])
    assert choose_shown(partly, PLACES[:3], 3).tolist() == [0, 1, 2]


def test_no_tiles_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="must be >= 1, got 0"):
        choose_shown(HALVES, PLACES, 0)


def test_true_colour_shows_red_green_and_blue_bands() -> None:
    pixel = np.full((1, 1, len(S2_BANDS)), 9999, np.uint16)
    pixel[..., [S2_BANDS.index(name) for name in ("B04", "B03", "B02")]] = 3000, 300, 0
    expected = [1, 0.1 ** (1 / 1.4), 0]
    assert true_colour(pixel)[0, 0].tolist() == pytest.approx(expected)


def test_true_colour_never_leaves_its_range() -> None:
    assert true_colour(np.full((1, 1, 13), 65535, np.uint16)).max() == 1


def test_a_tile_is_stretched_alike_whatever_others_hold() -> None:
    tiles = np.full((2, 3, 3, 13), 700, np.uint16)
    tiles[1] = 20_000
    np.testing.assert_array_equal(true_colour(tiles)[0], true_colour(tiles[0]))


def test_pixels_without_reflectance_are_grey() -> None:
    image = true_colour(np.zeros((1, 1, 13), np.uint16))
    assert np.unique(image).tolist() == [0.6]


def test_radar_composite_is_vv_vh_and_their_difference() -> None:
    image = radar_composite(np.array([[[-1350, -2150]]], np.int16))
    assert image[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.5])


def test_radar_composite_is_cut_at_its_limits() -> None:
    image = radar_composite(np.array([[[500, 500], [-6000, -9000]]], np.int16))
    assert image.tolist() == [[[1, 1, 0], [0, 0, 1]]]


@pytest.mark.parametrize("pixel", [(S1_NAN, -1500), (-1500, S1_NAN)])
def test_pixels_without_backscatter_are_grey(pixel: tuple[int, int]) -> None:
    image = radar_composite(np.array([[pixel]], np.int16))
    assert np.unique(image).tolist() == [0.6]


def test_columns_are_sensors_then_truth_then_predictions() -> None:
    titles = [panel.get_title() for panel in _figure().axes[:5]]
    assert titles == ["Sentinel-2", "Sentinel-1", "ground truth", "arm_0", "arm_1"]


def test_predictions_carry_their_share_of_right_labelled_pixels() -> None:
    # the first row of the first tile has no label; of the other twelve pixels
    # arm_0 sets those of the first column to 0, which is right for one of three
    panels = _figure().axes[:5]
    assert [panel.get_xlabel() for panel in panels[:3]] == ["", "", ""]
    assert [panel.get_xlabel() for panel in panels[3:]] == [
        "83.3 % right",
        "100.0 % right",
    ]


def test_a_tile_without_labels_has_no_score() -> None:
    blank = np.full((1, 2, 2), IGNORE_INDEX, np.uint8)
    figure = draw_maps(
        np.zeros((1, 2, 2, 13), np.uint16),
        np.zeros((1, 2, 2, 2), np.int16),
        blank,
        {"late": np.zeros_like(blank)},
        caption="",
    )
    assert figure.axes[3].get_xlabel() == "no label"


def test_maps_have_the_class_colours_and_no_label_is_clear() -> None:
    picture = np.asarray(_figure().axes[2].images[0].get_array())
    assert [to_hex(colour) for colour in picture[1]] == list(CLASS_COLOURS[4:])
    assert picture[0, :, 3].tolist() == [0] * 4


def test_pixels_are_drawn_as_squares_without_ticks() -> None:
    for panel in _figure().axes:
        assert panel.images[0].get_interpolation() == "nearest"
        assert [*panel.get_xticks(), *panel.get_yticks()] == []


def test_the_legend_has_the_classes_and_no_label() -> None:
    entries = [text.get_text() for text in _figure().legends[0].get_texts()]
    assert entries == [*CLASS_NAMES, "no label"]


def test_the_caption_says_which_data() -> None:
    assert [text.get_text() for text in _figure().texts] == ["synthetic, protocol B"]


def test_a_value_that_is_no_class_is_refused() -> None:
    labels = np.zeros((1, 1, 1), np.uint8)
    with pytest.raises(ValueError, match=r"classes of late must be 0\.\.7 .* got 8"):
        draw_maps(
            np.zeros((1, 1, 1, 13), np.uint16),
            np.zeros((1, 1, 1, 2), np.int16),
            labels,
            {"late": labels + 8},
            caption="",
        )


@pytest.mark.parametrize(("num_tiles", "num_predictions"), [(1, 0), (1, 1), (8, 6)])
def test_everything_fits_into_the_figure(num_tiles: int, num_predictions: int) -> None:
    figure = _figure(num_tiles, num_predictions)
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert len(figure.axes) == num_tiles * (3 + num_predictions)
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_maps_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("first", "second"):
        save_figure(_figure(1, 1), tmp_path, name)
    first, second = ((tmp_path / f"{n}.{suffix}") for n in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
