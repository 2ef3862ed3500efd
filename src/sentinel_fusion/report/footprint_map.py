"""Where the tiles lie, over country borders that come with an installed package.

Borders are Natural Earth 1:110 million (public domain), as pyogrio, which geopandas
needs anyway, carries them in its wheels (MIT): nothing is downloaded.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from sentinel_fusion.report.captions import wrap_caption

ROLE_COLOURS = {"pretrain": "#0072b2", "labelled": "#d55e00"}
NO_FOOTPRINTS = "no georeferencing in these rasters"
SMALLEST_SPAN_DEG = 20.0
"""Shown at least, so that borders tell where a single place lies."""
_BORDERS = Path("tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp")
_MARGIN = 0.12
_HALF_TURN_DEG = 180.0  # a wider outline belongs to a place across the date line
_WIDTH_IN, _LEAST_HEIGHT_IN, _TEXT_IN = 9.0, 3.5, 1.0


def country_borders() -> list[Float[np.ndarray, "_corners 2"]]:
    """Outlines of all countries.

    Returns:
        A ring of longitude and latitude a part of a country.

    Raises:
        FileNotFoundError: If the installed pyogrio came without the file.
    """
    file = Path(str(files("pyogrio"))) / _BORDERS
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} must come with pyogrio; install the wheel named in "
            "requirements.lock (packages of Linux distributions leave it out)"
        )
    parts = shapely.get_parts(gpd.read_file(file).geometry.to_numpy())
    return [shapely.get_coordinates(ring) for ring in shapely.get_exterior_ring(parts)]


def locate_places(
    places: Shaped[np.ndarray, " tiles"], footprints: Shaped[np.ndarray, " tiles"]
) -> pd.DataFrame:
    """Where each place lies.

    Args:
        places: Place of each tile.
        footprints: Polygon of each tile in longitude and latitude, or None.

    Returns:
        A row a place that has footprints, in degrees: "place_id"; "longitude" and
        "latitude", the medians of its tiles' centres, so that a place across the date
        line stays on it; "west", "south", "east" and "north", the outermost corners.
    """
    centres = shapely.centroid(footprints)
    corners = shapely.bounds(footprints)
    table = pd.DataFrame(corners, columns=["west", "south", "east", "north"])
    table.insert(0, "place_id", places)
    table["longitude"] = shapely.get_x(centres)
    table["latitude"] = shapely.get_y(centres)
    grouped = table.dropna().groupby("place_id")
    middle = grouped[["longitude", "latitude"]].quantile(0.5, interpolation="nearest")
    least = grouped[["west", "south"]].min()
    most = grouped[["east", "north"]].max()
    return pd.concat([middle, least, most], axis=1).reset_index()


def draw_footprints(located: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Outline and dot of each place over country borders.

    Args:
        located: Role -> rows of ``locate_places``; without rows where the rasters
            came without georeferencing, which the legend then says.
        caption: Data, written below.

    Returns:
        The figure, around all places; the whole world where there is none.
    """
    every = pd.concat(located.values())
    west, east, south, north = _extent(every)
    height = (_WIDTH_IN - 0.6) * (north - south) / (east - west)
    height = max(_LEAST_HEIGHT_IN, height + _TEXT_IN)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure((_WIDTH_IN, height), layout=layout)
    panel = figure.subplots()
    panel.set_facecolor("#eaf2f8")
    panel.add_collection(
        PolyCollection(
            country_borders(), facecolor="#f7f5f0", edgecolor="#8c8c8c", linewidth=0.5
        )
    )
    for role, table in located.items():
        _draw_places(panel, role, table)
    if every.empty:
        panel.text(
            0.5,
            0.5,
            NO_FOOTPRINTS,
            transform=panel.transAxes,
            ha="center",
            bbox={"facecolor": "white", "edgecolor": "#8c8c8c"},
        )
    panel.set(
        xlim=(west, east),
        ylim=(south, north),
        aspect="equal",
    )
    panel.set_xlabel("longitude (degrees)", fontsize=8)
    panel.set_ylabel("latitude (degrees)", fontsize=8)
    panel.tick_params(labelsize=8)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    text = f"{caption}; borders: Natural Earth 1:110 million (public domain)"
    figure.supxlabel(wrap_caption(text, _WIDTH_IN, font_pt=8), fontsize=8)
    return figure


def _draw_places(panel: Axes, role: str, table: pd.DataFrame) -> None:
    found = NO_FOOTPRINTS if table.empty else f"places: {len(table)}"
    narrow = table[table["east"] - table["west"] < _HALF_TURN_DEG]
    sides = narrow[["west", "south", "east", "north"]].to_numpy(np.float64)
    outlines = shapely.box(*sides.T)
    panel.add_collection(
        PolyCollection(
            [shapely.get_coordinates(outline) for outline in outlines],
            facecolor="none",
            edgecolor=ROLE_COLOURS[role],
            linewidth=0.8,
            zorder=3,
        )
    )
    panel.scatter(
        table["longitude"],
        table["latitude"],
        s=18,
        color=ROLE_COLOURS[role],
        edgecolor="white",
        linewidth=0.4,
        alpha=0.85,
        zorder=3,
        label=f"{role} ({found})",
    )


def _extent(places: pd.DataFrame) -> tuple[float, float, float, float]:
    """West, east, south and north of a window at least twice as wide as high."""
    if places.empty:
        return -180.0, 180.0, -90.0, 90.0
    height = max(SMALLEST_SPAN_DEG, _span(places["latitude"]))
    width = max(2 * height, _span(places["longitude"]))
    return (
        *_window(places["longitude"], width, 180.0),
        *_window(places["latitude"], height, 90.0),
    )


def _span(degrees: pd.Series) -> float:
    return float(degrees.max() - degrees.min()) * (1 + 2 * _MARGIN)


def _window(degrees: pd.Series, span: float, limit: float) -> tuple[float, float]:
    """A window around the values, moved where it would leave the world."""
    half = min(span / 2, limit)
    middle = float(degrees.max() + degrees.min()) / 2
    middle = min(max(middle, half - limit), limit - half)
    return middle - half, middle + half
