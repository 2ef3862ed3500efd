"""Figures that other stages drew, with what they show in words."""

from pathlib import Path

from sentinel_fusion.report.blocks import Picture, data_uri
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Run, spell

_ALTS = {
    "maps/maps": "Rows of test tiles: Sentinel-2, Sentinel-1, true land cover, and the "
    "land cover that each arm predicted, in fixed class colours.",
    "data/classes": "Bars: training, validation and test tiles by majority class.",
    "data/places": "Bars: tiles a place, and tiles a season, of both roles.",
    "data/bands": "Boxes: values of every band of both sensors, beside published ones.",
    "data/footprints": "Map with country borders: where the places of both roles lie.",
    "data/rejected": "Bars: tiles that were rejected, by reason, of both roles.",
    "data/tiles_pretrain": "Random unlabelled tiles: left Sentinel-2 in true colour, "
    "right Sentinel-1.",
    "data/tiles_labelled": "Random labelled tiles: left Sentinel-2 in true colour, "
    "right Sentinel-1, framed in the colour of the majority class.",
    "diagnostics/diagnostics": "Lines: diagnostics of every pre-training by epoch, "
    "with the level of chance.",
    "realism/spectra": "Lines: power spectra by wavelength, of synthetic and real "
    "places.",
    "realism/histograms": "Lines: histograms of the backscatter, of synthetic and real "
    "places.",
    "realism/correlations": "Heat maps: correlations of all bands in synthetic places, "
    "in real ones, and what lies between.",
    "realism/measures": "Intervals: every measure of the synthetic places, on a scale "
    "where the real places span 0 to 1.",
}
"""Folder and name of a figure -> what it shows."""
_DRAWN = {
    "figures": "Label-fraction curves",
    "diagnostics": "Diagnostics of the pre-training",
    "calibration": "Calibration of the predictions",
    "realism": "Synthetic against real tiles",
}
"""Folder -> what its figures are about, where none is described by name."""


def picture(file: Path, run: Run, *, is_fallback: bool = False) -> Picture:
    """A figure for the page.

    Args:
        file: PNG in a folder of ``metrics/``.
        run: The run, whose data and protocol stand in the caption.
        is_fallback: Whether it stands in for a chart where no script runs.

    Returns:
        The figure with its alternative text.
    """
    name = spell(file.stem)
    about = _DRAWN.get(file.parent.name, "Figure")
    alt = _ALTS.get(f"{file.parent.name}/{file.stem}", f"{about}: {name}.")
    return Picture(
        uri=data_uri(file),
        alt=alt,
        caption=f"{alt} ({run.stamp})",
        is_fallback=is_fallback,
    )


def pictures_of(
    folder: str, run: Run, results: Results, *, is_fallback: bool = False
) -> list[Picture]:
    """The figures of a folder for the page.

    Args:
        folder: Folder of ``metrics/``.
        run: Arms, tasks and data of the run.
        results: Its results.
        is_fallback: Whether they stand in for charts where no script runs.

    Returns:
        The figures by name; empty where there are none.
    """
    files = results.pictures(folder)
    return [picture(file, run, is_fallback=is_fallback) for file in files]
