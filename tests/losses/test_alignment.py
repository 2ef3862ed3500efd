import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sentinel_fusion.losses.alignment import (
    SEARCHES,
    alignment_loss,
    check_alignment_options,
    info_nce,
    translation_similarity,
    unit_vectors,
)

TOLERANCE = 1e-5
OPTIONS = [("pad", 0), ("pad", 2), ("crop", 1), ("pool", 0)]


def _maps(batch: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps1 = torch.randn(batch, 4, 5, 6, generator=generator)
    return maps1, maps1 + 0.5 * torch.randn(batch, 4, 5, 6, generator=generator)


def _shifted(down_px: int, right_px: int) -> tuple[Tensor, Tensor]:
    """Two 6 x 6 windows on larger maps, the second moved by a known offset."""
    scene = torch.randn(8, 16, 12, 12, generator=torch.Generator().manual_seed(0))
    y, x = 3 + down_px, 3 + right_px
    return scene[:, :, 3:9, 3:9], scene[:, :, y : y + 6, x : x + 6]


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _slow_correlation(
    a: np.ndarray, b: np.ndarray, shift: tuple[int, int], rim: int
) -> float:
    """Mean cosine over b without its rim, b moved over a; beside a counts as 0."""
    height, width = a.shape[1:]
    cosines = []
    for y in range(rim, height - rim):
        for x in range(rim, width - rim):
            ya, xa = y + shift[0], x + shift[1]
            inside = 0 <= ya < height and 0 <= xa < width
            cosines.append(_cosine(a[:, ya, xa], b[:, y, x]) if inside else 0.0)
    return sum(cosines) / len(cosines)


def _slow_similarity(a: np.ndarray, b: np.ndarray, search: str, margin: int) -> float:
    if search == "pool":
        return _cosine(a.mean(axis=(1, 2)), b.mean(axis=(1, 2)))
    reach = range(-margin, margin + 1)
    rim = margin if search == "crop" else 0
    return max(_slow_correlation(a, b, (dy, dx), rim) for dy in reach for dx in reach)


def _slow_loss(similarity: Tensor, temperature: float) -> float:
    size = len(similarity)
    total = 0.0
    for table in (similarity, similarity.T):
        for i in range(size):
            exponentials = [math.exp(float(s) / temperature) for s in table[i]]
            total -= math.log(exponentials[i] / sum(exponentials))
    return total / (2 * size)


@pytest.mark.parametrize(("search", "margin_px"), [*OPTIONS, ("crop", 2), ("pad", 4)])
def test_similarity_equals_a_loop_over_pairs_and_translations(
    search: str, margin_px: int
) -> None:
    maps1, maps2 = _maps()
    similarity = translation_similarity(
        maps1, maps2[:2], search=search, margin_px=margin_px
    )
    slow = [
        [_slow_similarity(a, b, search, margin_px) for b in maps2[:2].numpy()]
        for a in maps1.numpy()
    ]
    torch.testing.assert_close(similarity, torch.tensor(slow))


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_info_nce_equals_a_double_loop(temperature: float) -> None:
    similarity = torch.rand(5, 5, generator=torch.Generator().manual_seed(0))
    loss = info_nce(similarity, temperature=temperature)
    slow = _slow_loss(similarity, temperature)
    assert float(loss) == pytest.approx(slow, rel=TOLERANCE)


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_loss_is_info_nce_of_the_similarity(search: str, margin_px: int) -> None:
    maps1, maps2 = _maps()
    options: dict[str, Any] = {"search": search, "margin_px": margin_px}
    loss = alignment_loss(maps1, maps2, temperature=0.1, **options)
    similarity = translation_similarity(maps1, maps2, **options)
    torch.testing.assert_close(loss, info_nce(similarity, temperature=0.1))


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_equal_maps_give_log_of_the_batch(search: str, margin_px: int) -> None:
    maps = _maps(batch=1)[0].expand(4, -1, -1, -1)
    loss = alignment_loss(
        maps, maps, temperature=0.1, search=search, margin_px=margin_px
    )
    assert float(loss) == pytest.approx(math.log(4), rel=TOLERANCE)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_map_is_fully_similar_to_itself(search: str) -> None:
    maps, _ = _maps()
    itself = translation_similarity(maps, maps, search=search, margin_px=0).diagonal()
    torch.testing.assert_close(itself, torch.ones(3))


def test_a_temperature_of_five_thousandths_keeps_a_lost_positive_finite() -> None:
    # every positive at -1, every negative at 1: 2 / 0.005 behind
    loss = info_nce(1 - 2 * torch.eye(2), temperature=0.005)
    assert float(loss) == pytest.approx(400)


@pytest.mark.parametrize(("search", "margin_px"), [("pad", 2), ("pool", 0)])
def test_sensors_may_change_places(search: str, margin_px: int) -> None:
    maps1, maps2 = _maps()
    options: dict[str, Any] = {"search": search, "margin_px": margin_px}
    there = alignment_loss(maps1, maps2, temperature=0.1, **options)
    back = alignment_loss(maps2, maps1, temperature=0.1, **options)
    torch.testing.assert_close(there, back)


@pytest.mark.parametrize("offset", [(2, -1), (-2, 2), (0, 1)])
def test_cropping_finds_a_known_offset_exactly(offset: tuple[int, int]) -> None:
    maps1, maps2 = _shifted(*offset)
    similarity = translation_similarity(maps1, maps2, search="crop", margin_px=2)
    torch.testing.assert_close(similarity.diagonal(), torch.ones(8))
    assert float(similarity.fill_diagonal_(0).max()) < 0.9


@pytest.mark.parametrize(("offset", "shared"), [((2, -1), 20), ((-2, 2), 16)])
def test_padding_finds_a_known_offset_as_far_as_the_maps_overlap(
    offset: tuple[int, int], shared: int
) -> None:
    similarity = translation_similarity(*_shifted(*offset), search="pad", margin_px=2)
    overlap = torch.full((8,), shared / 36)
    torch.testing.assert_close(similarity.diagonal(), overlap)
    assert similarity.argmax(dim=1).tolist() == list(range(8))


@pytest.mark.parametrize("search", ["pad", "crop"])
def test_without_a_margin_an_offset_hides_the_match(search: str) -> None:
    maps1, maps2 = _shifted(2, -1)
    similarity = translation_similarity(maps1, maps2, search=search, margin_px=0)
    assert float(similarity.diagonal().max()) < 0.2
    assert similarity.argmax(dim=1).tolist() != list(range(8))


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_scale_of_maps_does_not_matter(search: str, margin_px: int) -> None:
    maps1, maps2 = _maps()
    options: dict[str, Any] = {"search": search, "margin_px": margin_px}
    similarity = translation_similarity(maps1, maps2, **options)
    scaled = translation_similarity(7 * maps1, 0.1 * maps2, **options)
    torch.testing.assert_close(similarity, scaled)


def test_scale_of_each_position_does_not_matter_unless_pooled() -> None:
    maps1, maps2 = _maps()
    loud = maps1 * torch.arange(1, 31).reshape(1, 1, 5, 6)
    there = translation_similarity(maps1, maps2, search="pad", margin_px=1)
    torch.testing.assert_close(
        translation_similarity(loud, maps2, search="pad", margin_px=1), there
    )


def _loss_and_gradients(
    maps: tuple[Tensor, Tensor], rows: slice | None, search: str, margin_px: int
) -> tuple[Tensor, ...]:
    leaves = [x.clone().requires_grad_() for x in maps]
    loss = alignment_loss(
        *leaves, temperature=0.1, search=search, margin_px=margin_px, rows=rows
    )
    return (loss.detach(), *torch.autograd.grad(loss, leaves))


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_rows_of_equal_size_average_to_the_loss_of_all(
    search: str, margin_px: int
) -> None:
    maps = _maps(batch=6)
    whole = _loss_and_gradients(maps, None, search, margin_px)
    parts = [
        _loss_and_gradients(maps, slice(start, start + 2), search, margin_px)
        for start in (0, 2, 4)
    ]
    for of_parts, expected in zip(zip(*parts, strict=True), whole, strict=True):
        mean = torch.stack(of_parts).mean(dim=0)
        torch.testing.assert_close(mean, expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_gradient_steps_lower_the_loss(search: str, margin_px: int) -> None:
    maps = [m.requires_grad_() for m in _maps()]
    optimizer = torch.optim.SGD(maps, lr=0.5)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = alignment_loss(
            *maps, temperature=0.5, search=search, margin_px=margin_px
        )
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_gradients_are_the_slope_of_the_loss(search: str, margin_px: int) -> None:
    maps1, maps2 = _maps()
    options: dict[str, Any] = {"search": search, "margin_px": margin_px}
    step = 0.005 * _maps(seed=1)[0]
    after = alignment_loss(maps1 + step, maps2, temperature=0.5, **options)
    before = alignment_loss(maps1 - step, maps2, temperature=0.5, **options)
    maps1.requires_grad_()
    alignment_loss(maps1, maps2, temperature=0.5, **options).backward()
    assert maps1.grad is not None
    slope = float((maps1.grad * 2 * step).sum())
    assert float(after - before) == pytest.approx(slope, rel=0.01)


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_vectors_of_zeros_leave_gradients_finite(search: str, margin_px: int) -> None:
    before = [m.requires_grad_() for m in _maps()]
    # as a ReLU leaves them: some positions without any channel, one map without any
    maps1, maps2 = (m.sub(1).relu() * torch.ones(3, 1, 1, 1) for m in before)
    maps1 = maps1 * torch.tensor([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    alignment_loss(
        maps1, maps2, temperature=0.005, search=search, margin_px=margin_px
    ).backward()
    assert all(m.grad is not None and m.grad.isfinite().all() for m in before)


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_bfloat16_autocast_does_not_reach_the_loss(search: str, margin_px: int) -> None:
    maps1, maps2 = _maps()
    options: dict[str, Any] = {"search": search, "margin_px": margin_px}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = alignment_loss(maps1, maps2, temperature=0.005, **options)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(
        inside, alignment_loss(maps1, maps2, temperature=0.005, **options)
    )


@pytest.mark.parametrize(("search", "pixels"), [("pad", 30), ("pool", 1)])
def test_unit_vectors_have_length_one(search: str, pixels: int) -> None:
    vectors = unit_vectors(_maps()[0].bfloat16(), search=search).flatten(2)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3, pixels))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0, got 0"),
        ({"temperature": math.nan}, "temperature must be > 0, got nan"),
        ({"search": "slide"}, "search must be one of pad, crop, pool, got 'slide'"),
        ({"margin_px": -1}, "margin_px must be >= 0, got -1"),
        ({"search": "pool"}, "margin_px must be 0 for search pool, got 1"),
    ],
)
def test_unusable_options_are_refused(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"temperature": 0.1, "search": "pad", "margin_px": 1}
    with pytest.raises(ValueError, match=message):
        check_alignment_options(**arguments | options)
    with pytest.raises(ValueError, match=message):
        alignment_loss(*_maps(), **arguments | options)


@pytest.mark.parametrize(
    ("search", "margin_px", "message"),
    [
        ("crop", 3, r"half the map's sides for search crop, got 3 for maps of 5 x 6"),
        ("pad", 5, r"margin_px must be < the map's sides for search pad, got 5"),
    ],
)
def test_maps_too_small_for_the_margin_are_refused(
    search: str, margin_px: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        translation_similarity(*_maps(), search=search, margin_px=margin_px)


def test_a_single_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 2 rows, got \(1, 1\)"):
        info_nce(torch.ones(1, 1), temperature=0.1)
