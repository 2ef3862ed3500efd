"""Correlated Gaussian random fields, cells of a rotated grid, and cuts to a share."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy import fft

SMOOTH_PX = 20
"""Outer scale from which a field is drawn at half the resolution."""
WRAP_LENGTHS = 3
"""Outer scales between the scene's opposite edges around the wrapped field."""


@dataclass(frozen=True)
class Spectrum:
    """Power spectrum P(k) = (1 + (k L)^2)^(-slope / 2), the von Karman form.

    Args:
        length_px: Outer scale L; detail larger than it is uncorrelated.
        slope: Fall-off of power beyond 1 / L; 2 is ragged, 4 is smooth.
    """

    length_px: float
    slope: float


@dataclass(frozen=True)
class Cells:
    """A tiling of the plane by rows of rectangles, like fields or street blocks.

    Args:
        ids: Number of the cell that a pixel lies in.
        edge_px: Distance to the nearest cell edge.
        num_cells: One more than the largest id.
    """

    ids: Int32[np.ndarray, "height width"]
    edge_px: Float32[np.ndarray, "height width"]
    num_cells: int


def correlated_fields(
    spectra: tuple[Spectrum, ...],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Float32[np.ndarray, "fields height width"]:
    """Independent Gaussian fields of mean 0 and standard deviation 1 over the scene.

    Each is cut from a larger one that wraps around, so that opposite edges of the scene
    have nothing to do with each other; smooth fields are drawn at half the resolution.

    Args:
        spectra: One spectrum a field.
        shape: Height and width in pixels.
        rng: Source of randomness.

    Returns:
        The fields in the order of ``spectra``.

    Source: white noise shaped in the Fourier domain, Goff & Jordan 1988,
    doi 10.1029/JB093iB11p13589 (von Karman spectrum).
    """
    fields = np.empty((len(spectra), *shape), np.float32)
    for field, spectrum in zip(fields, spectra, strict=True):
        is_smooth = spectrum.length_px >= SMOOTH_PX
        step_px = 2 if is_smooth else 1
        padded = tuple(_padded(side_px, spectrum, step_px) for side_px in shape)
        amplitude = _amplitude(spectrum, padded, step_px)
        size = (*amplitude.shape, 2)
        noise = rng.standard_normal(size, dtype=np.float32).view(np.complex64)[..., 0]
        drawn = fft.irfft2(noise * amplitude, s=padded)
        if is_smooth:
            drawn = _halve_pixels(_halve_pixels(drawn, shape[0]).T, shape[1]).T
        field[:] = drawn[: shape[0], : shape[1]]
        field -= field.mean()
        field /= max(float(field.std()), 1e-12)
    return fields


def _padded(side_px: int, spectrum: Spectrum, step_px: int) -> int:
    """Samples of a side with room for the correlation to die out around the edge."""
    needed_px = side_px + WRAP_LENGTHS * spectrum.length_px
    return int(fft.next_fast_len(math.ceil(needed_px / step_px) + 2, real=True))


@cache
def _amplitude(
    spectrum: Spectrum, shape: tuple[int, ...], step_px: int
) -> Float32[np.ndarray, "height frequencies"]:
    """Square root of the spectrum on the grid of a real transform; mean removed."""
    height, width = shape
    frequency_y = 2 * np.pi * fft.fftfreq(height, step_px)[:, None]
    frequency_x = 2 * np.pi * fft.rfftfreq(width, step_px)[None, :]
    squared = (frequency_y**2 + frequency_x**2) * spectrum.length_px**2
    amplitude = np.asarray((1 + squared) ** (-spectrum.slope / 4), np.float32)
    amplitude[0, 0] = 0
    return amplitude


def _halve_pixels(
    field: Float32[np.ndarray, "rows columns"], rows: int
) -> Float32[np.ndarray, "finer columns"]:
    """Twice as many rows, smooth (Chaikin 1974: weights 3/4 and 1/4), then a cut."""
    field = field[: rows // 2 + 2]
    quarter = np.float32(0.25) * (field[1:] - field[:-1])
    finer = np.empty((2 * len(quarter), field.shape[1]), np.float32)
    np.add(field[:-1], quarter, out=finer[::2])
    np.subtract(field[1:], quarter, out=finer[1::2])
    return finer[:rows]


def select_share(
    score: Float32[np.ndarray, "height width"],
    free: Bool[np.ndarray, "height width"],
    share: float,
) -> Bool[np.ndarray, "height width"]:
    """Marks the free pixels of highest score.

    Args:
        score: What the pixels are ranked by.
        free: Pixels that may be taken.
        share: Pixels to take, as a share of all pixels, free or not.

    Returns:
        True where taken; all free pixels if they are fewer than asked for.
    """
    wanted = round(share * score.size)
    candidates = score[free]
    if wanted >= candidates.size:
        return free.copy()
    if wanted == 0:
        return np.zeros_like(free)
    cut = np.partition(candidates, candidates.size - wanted)[candidates.size - wanted]
    return np.asarray(free & (score >= cut))


def rotated_axes(
    shape: tuple[int, int], angle_rad: float
) -> tuple[Float32[np.ndarray, "height width"], Float32[np.ndarray, "height width"]]:
    """Pixel coordinates along and across a direction, 0 at the scene's centre.

    Args:
        shape: Height and width in pixels.
        angle_rad: Direction, from the rows' axis towards the bottom.

    Returns:
        Coordinate along and across the direction, in pixels.
    """
    height, width = shape
    rows = np.arange(height, dtype=np.float32)[:, None] - np.float32(height / 2)
    columns = np.arange(width, dtype=np.float32)[None, :] - np.float32(width / 2)
    cosine, sine = np.float32(np.cos(angle_rad)), np.float32(np.sin(angle_rad))
    return cosine * columns + sine * rows, cosine * rows - sine * columns


def grid_cells(
    along: Float32[np.ndarray, "height width"],
    across: Float32[np.ndarray, "height width"],
    size_px: tuple[float, float],
    rng: np.random.Generator,
) -> Cells:
    """Cuts the plane in strips of random width and every strip in equal lengths.

    Args:
        along: Coordinate along the strips, in pixels.
        across: Coordinate across the strips, in pixels.
        size_px: Mean length and width of a cell.
        rng: Source of randomness.

    Returns:
        The cells; strips differ in the length and the offset of their cells.
    """
    length_px, width_px = size_px
    low, high = float(across.min()), float(across.max())
    num_strips = int((high - low) / (0.5 * width_px)) + 2
    widths = width_px * rng.uniform(0.5, 1.5, num_strips).astype(np.float32)
    breaks = np.concatenate([[0], np.cumsum(widths)]).astype(np.float32) + low - 0.5
    strip = np.searchsorted(breaks, across.ravel(), side="right").reshape(across.shape)
    strip -= 1
    lengths = (length_px * rng.uniform(0.6, 1.6, num_strips)).astype(np.float32)[strip]
    offsets = rng.uniform(0, 1, num_strips).astype(np.float32)[strip]
    position = (along - along.min()) / lengths + offsets
    column = position.astype(np.int32)
    per_strip = int(column.max()) + 1
    fraction = position - column
    edge_px = np.minimum(
        np.minimum(fraction, 1 - fraction) * lengths,
        np.minimum(across - breaks[strip], breaks[strip + 1] - across),
    )
    ids = (strip * per_strip + column).astype(np.int32)
    return Cells(ids, edge_px.astype(np.float32), num_strips * per_strip)


def cell_means(
    field: Float32[np.ndarray, "height width"], cells: Cells
) -> Float32[np.ndarray, "height width"]:
    """Replaces every pixel by the mean of its cell.

    Args:
        field: Values to average.
        cells: The cells.

    Returns:
        The means, constant within a cell.
    """
    ids = cells.ids.ravel()
    totals = np.bincount(ids, field.ravel(), minlength=cells.num_cells)
    counts = np.bincount(ids, minlength=cells.num_cells)
    means = (totals / np.maximum(counts, 1)).astype(np.float32)
    return np.asarray(means[cells.ids])
