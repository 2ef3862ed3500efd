import numpy as np
import pytest

from sentinel_fusion.data.synthetic.random_fields import (
    Spectrum,
    cell_means,
    correlated_fields,
    grid_cells,
    rotated_axes,
    select_share,
)


def test_fields_have_mean_zero_and_spread_one(rng: np.random.Generator) -> None:
    fields = correlated_fields((Spectrum(20, 3), Spectrum(2, 2)), (48, 65), rng)
    assert fields.shape == (2, 48, 65)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(fields.std(axis=(1, 2)), 1, atol=1e-4)


def test_longer_scale_makes_neighbours_more_alike(rng: np.random.Generator) -> None:
    fields = correlated_fields((Spectrum(30, 3), Spectrum(1, 3)), (128, 128), rng)
    likeness = (fields[:, :, :-1] * fields[:, :, 1:]).mean(axis=(1, 2))
    assert likeness[0] > 0.9 > likeness[1]


@pytest.mark.parametrize("spectrum", [Spectrum(10, 3.0), Spectrum(60, 3.6)])
def test_opposite_edges_are_unrelated(
    spectrum: Spectrum, rng: np.random.Generator
) -> None:
    fields = np.stack(
        [correlated_fields((spectrum,), (64, 64), rng)[0] for _ in "x" * 60]
    )
    across = np.abs(fields[:, :, 0] - fields[:, :, -1]).mean()
    far = np.abs(fields[:, :, 0] - fields[:, :, 48]).mean()
    near = np.abs(fields[:, :, 0] - fields[:, :, 1]).mean()
    assert across > 0.9 * far > 3 * near


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (65, 33)])
def test_smooth_fields_fit_any_shape(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    assert correlated_fields((Spectrum(60, 3.6),), shape, rng).shape == (1, *shape)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_select_share_takes_that_share(share: float, rng: np.random.Generator) -> None:
    score = rng.standard_normal((20, 20), dtype=np.float32)
    taken = select_share(score, np.ones((20, 20), bool), share)
    assert taken.mean() == pytest.approx(share, abs=0.005)


def test_select_share_takes_only_free_pixels(rng: np.random.Generator) -> None:
    score = rng.standard_normal((20, 20), dtype=np.float32)
    free = np.arange(400).reshape(20, 20) < 40
    assert (select_share(score, free, 0.5) == free).all()


def test_select_share_prefers_high_scores() -> None:
    score = np.arange(16, dtype=np.float32).reshape(4, 4)
    taken = select_share(score, np.ones((4, 4), bool), 0.25)
    assert (taken == (score >= 12)).all()


def test_turned_axes_keep_distances() -> None:
    along, across = rotated_axes((9, 9), 0.7)
    rows, columns = np.mgrid[:9, :9] - 4.5
    np.testing.assert_allclose(
        along**2 + across**2, rows**2 + columns**2, rtol=1e-4, atol=1e-4
    )


def test_cells_have_about_the_size_asked_for(rng: np.random.Generator) -> None:
    along, across = rotated_axes((200, 200), 0.4)
    cells = grid_cells(along, across, (20.0, 10.0), rng)
    num_seen = len(np.unique(cells.ids))
    assert 0.5 < 200 * 200 / num_seen / 200 < 1.5
    assert cells.ids.max() < cells.num_cells
    assert cells.edge_px.min() >= -1e-3


def test_cell_means_average_each_cell(rng: np.random.Generator) -> None:
    along, across = rotated_axes((32, 32), 0.4)
    cells = grid_cells(along, across, (8.0, 8.0), rng)
    field = rng.standard_normal((32, 32), dtype=np.float32)
    mine = cells.ids == cells.ids[16, 16]
    means = cell_means(field, cells)
    np.testing.assert_allclose(means[mine], field[mine].mean(), atol=1e-5)
