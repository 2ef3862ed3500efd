import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from sentinel_fusion.bands import BANDS
from sentinel_fusion.classes import CLASS_COLOURS, CLASS_NAMES, IGNORE_INDEX
from sentinel_fusion.report.data_report import (
    class_counts,
    describe_places,
    draw_classes,
    draw_places,
    draw_rejected,
    summarise_data,
)
from sentinel_fusion.report.figure_files import save_figure

NONE_UNREADABLE = {"s1_unreadable": 0, "s2_unreadable": 0, "label_unreadable": 0}
REASONS = {"s1_invalid": 3, "s2_invalid": 0, "patch_smaller_than_tile": 1}


def _index(num_places: int = 3) -> pd.DataFrame:
    """Place n has n + 1 tiles, of class n; the first trains, the second tests."""
    places = np.repeat(np.arange(num_places), np.arange(num_places) + 1)
    return pd.DataFrame(
        {
            "place_id": [f"place {number}" for number in places],
            "season": np.where(places == 0, "summer", "unknown"),
            "crs": "EPSG:32632",
            "majority": places % 8,
            "split": np.array(["train", "test", "", "val"])[places % 4],
        }
    )


def _stats(tiles: int = 6) -> dict[str, Any]:
    bands = {s: {name: {"mean": 1 / 3} for name in n} for s, n in BANDS.items()}
    return {"tiles": tiles, "rejected": REASONS, "bands": bands}


def _leaves(numbers: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        leaf
        for key, value in numbers.items()
        for leaf in (_leaves(value) if isinstance(value, dict) else [(key, value)])
    ]


def _bars(panel: Axes, side: str) -> list[float]:
    bars = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    return [float(getattr(bar, f"get_{side}")()) for bar in bars]


def _words(figure: Figure) -> str:
    texts = [figure.get_supxlabel()]
    for panel in figure.axes:
        texts += [panel.get_title(), *(text.get_text() for text in panel.texts)]
        legend = panel.get_legend()
        texts += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(texts)


def test_tiles_places_and_seasons_are_counted() -> None:
    numbers = summarise_data(_index(), _stats())
    assert (numbers["tiles"], numbers["places"]) == (6, 3)
    assert numbers["seasons"]["summer"] == 1
    assert numbers["seasons"]["unknown"] == 5


def test_classes_are_counted_by_split() -> None:
    numbers = summarise_data(_index(), _stats())
    assert list(numbers["classes"].values()) == [1, 2, 3, 0, 0, 0, 0, 0]
    assert numbers["splits"]["train"]["forest"] == 1
    assert numbers["splits"]["test"]["shrubland"] == 2
    assert numbers["splits"]["unused"] == {
        "tiles": 3,
        "places": 1,
        **dict.fromkeys(CLASS_NAMES, 0),
        "grassland": 3,
    }


def test_rejections_and_rounded_band_means_are_carried_over() -> None:
    numbers = summarise_data(_index(), _stats())
    assert numbers["rejected"] == REASONS | NONE_UNREADABLE
    assert numbers["mean_s1"] == {"VV": 0.33, "VH": 0.33}
    assert list(numbers["mean_s2"]) == list(BANDS["s2"])


def test_unreadable_patches_are_counted_where_there_are_any() -> None:
    stats = _stats() | {"rejected": {**REASONS, "s2_unreadable": 4}}
    rejected = summarise_data(_index(), stats)["rejected"]
    assert rejected == REASONS | NONE_UNREADABLE | {"s2_unreadable": 4}


def test_bad_patches_are_named_below_the_bars() -> None:
    names = [f"fall-1-p{number}" for number in range(12)]
    stats = _stats() | {"bad_patches": {"s1_invalid": names}}
    figure = draw_rejected({"pretrain": stats}, caption="sen12ms")
    words = " ".join(figure.get_supxlabel().split())
    assert words.startswith("sen12ms; pretrain, s1 invalid: fall-1-p0, fall-1-p1,")
    assert words.endswith("fall-1-p9 and 2 more")


def test_a_long_caption_makes_the_figure_higher() -> None:
    short, long = (
        draw_rejected({"pretrain": _stats()}, caption=caption)
        for caption in ("sen12ms", "sen12ms " * 99)
    )
    assert long.get_figheight() > short.get_figheight()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("test-b12", "labelled rasters lack georeference, places are blocks of succes"),
        ("test-3", "labelled rasters lack georeference, places are as named"),
    ],
)
def test_rasters_without_georeference_are_said(place: str, expected: str) -> None:
    index = _index().assign(crs="", place_id=place)
    assert expected in describe_places({"pretrain": _index(), "labelled": index}, {})


def test_places_with_georeference_need_no_word() -> None:
    assert describe_places({"labelled": _index()}, {"labelled": 0}) == ""


def test_places_that_are_blocks_of_scenes_are_said_with_what_it_does_to_intervals() -> (
    None
):
    indices = {"pretrain": _index(), "labelled": _index()}
    assert describe_places(indices, {"pretrain": 512, "labelled": 1024}) == (
        "; pretrain places are neighbouring blocks of 512 px of scenes"
        "; labelled places are neighbouring blocks of 1024 px of scenes: intervals of "
        "scores treat them as independent and may be too narrow"
    )


def test_tiles_without_labels_have_neither_classes_nor_splits() -> None:
    numbers = summarise_data(_index().drop(columns=["majority", "split"]), _stats())
    assert {"classes", "splits"}.isdisjoint(numbers)


@pytest.mark.parametrize(("crs", "expected"), [("EPSG:4326", 1), ("", 0)])
def test_georeferencing_is_1_where_every_tile_has_it(crs: str, expected: int) -> None:
    index = _index()
    index.loc[3, "crs"] = crs
    assert summarise_data(index, _stats())["georeferenced"] == expected


def test_the_keys_do_not_depend_on_the_data() -> None:
    few, many = (summarise_data(_index(n), _stats()) for n in (1, 7))
    assert [key for key, _ in _leaves(few)] == [key for key, _ in _leaves(many)]


def test_dvc_can_compare_the_numbers() -> None:
    numbers = json.loads(json.dumps(summarise_data(_index(), _stats())))
    for key, value in _leaves(numbers):
        assert "." not in key
        assert isinstance(value, int | float)
        assert np.isfinite(value)


def test_tiles_without_a_class_are_not_counted() -> None:
    counts = class_counts(pd.Series([0, IGNORE_INDEX, 7, 7], dtype=np.int64))
    assert counts.tolist() == [1, 0, 0, 0, 0, 0, 0, 2]


def test_classes_have_a_panel_a_split_with_tiles_in_their_colours() -> None:
    figure = draw_classes(_index(), caption="synthetic")
    titles = [panel.get_title() for panel in figure.axes]
    bars = figure.axes[0].patches
    assert titles == ["tiles of train: 1", "tiles of test: 2", "tiles of unused: 3"]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == list(CLASS_COLOURS)


def test_classes_share_one_scale() -> None:
    figure = draw_classes(_index(), caption="synthetic")
    assert len({panel.get_xlim() for panel in figure.axes}) == 1


def test_places_of_a_split_stand_together_largest_first() -> None:
    index = _index(7)
    figure = draw_places({"labelled": index}, caption="synthetic")
    steps = [p for p in figure.axes[0].patches if isinstance(p, StepPatch)]
    drawn = [step.get_data() for step in steps]
    assert [values.tolist() for values, _, _ in drawn] == [[5, 1], [4], [6, 2], [7, 3]]
    assert [int(edges[0]) for _, edges, _ in drawn] == [0, 2, 3, 5]
    assert "train (2)\nval (1)\ntest (2)\nunused (2)" in _words(figure)


def test_places_without_splits_have_no_legend() -> None:
    index = _index().drop(columns="split")
    figure = draw_places({"pretrain": index}, caption="synthetic")
    assert figure.axes[0].get_legend() is None
    assert "places of pretrain: 3" in _words(figure)


def test_seasons_carry_their_tiles() -> None:
    figure = draw_places({"pretrain": _index()}, caption="synthetic")
    assert _bars(figure.axes[1], "height") == [0, 1, 0, 0, 5]


def test_every_reason_of_any_role_has_a_bar() -> None:
    other = _stats() | {"rejected": {"label_ignored": 7}}
    figure = draw_rejected({"pretrain": _stats(), "labelled": other}, caption="")
    widths = [_bars(panel, "width") for panel in figure.axes]
    assert widths == [[3, 0, 1, 0], [0, 0, 0, 7]]
    assert "tiles kept of labelled: 6" in _words(figure)


def _figures(caption: str, num_places: int = 3) -> dict[str, Figure]:
    index, stats = _index(num_places), _stats()
    bare = index.drop(columns=["majority", "split"])
    return {
        "classes": draw_classes(index, caption=caption),
        "places": draw_places({"pretrain": bare, "labelled": index}, caption=caption),
        "rejected": draw_rejected({"pretrain": stats}, caption=caption),
    }


@pytest.mark.parametrize("name", _figures(""))
def test_the_caption_says_which_data(name: str) -> None:
    assert _figures("tiles from synthetic")[name].get_supxlabel() == (
        "tiles from synthetic"
    )


@pytest.mark.parametrize("num_places", [1, 40])
@pytest.mark.parametrize("name", _figures(""))
def test_everything_fits_into_the_figure(name: str, num_places: int) -> None:
    figure = _figures("tiles from a long source, " * 6, num_places)[name]
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_figure(_figures("synthetic")["places"], tmp_path, name)
    first, second = ((tmp_path / f"{n}.svg").read_bytes() for n in ("first", "second"))
    assert first == second
