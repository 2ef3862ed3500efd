import math

import pytest
import torch
from torch import Tensor

from sentinel_fusion.losses.nt_xent import NEGATIVES, nt_xent

TOLERANCE = 1e-5


def _pair(batch: int = 6, dim: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z1 = torch.randn(batch, dim, generator=generator)
    return z1, z1 + 0.5 * torch.randn(batch, dim, generator=generator)


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def _slow_both(z1: Tensor, z2: Tensor, temperature: float) -> float:
    """Equation 1 of arXiv 2002.05709, anchor by anchor over the 2N vectors."""
    z = [*z1, *z2]
    total = 0.0
    for i in range(len(z)):
        partner = (i + len(z1)) % len(z)
        exponentials = [
            math.exp(_cosine(z[i], z[k]) / temperature) for k in range(len(z)) if k != i
        ]
        positive = math.exp(_cosine(z[i], z[partner]) / temperature)
        total -= math.log(positive / sum(exponentials))
    return total / len(z)


def _slow_other(z1: Tensor, z2: Tensor, temperature: float) -> float:
    total = 0.0
    for anchors, others in ((z1, z2), (z2, z1)):
        for i, anchor in enumerate(anchors):
            exponentials = [math.exp(_cosine(anchor, z) / temperature) for z in others]
            total -= math.log(exponentials[i] / sum(exponentials))
    return total / (2 * len(z1))


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_both_equals_the_papers_double_loop(temperature: float) -> None:
    z1, z2 = _pair()
    loss = nt_xent(z1, z2, temperature=temperature, negatives="both")
    assert float(loss) == pytest.approx(_slow_both(z1, z2, temperature), rel=TOLERANCE)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_other_equals_a_double_loop(temperature: float) -> None:
    z1, z2 = _pair()
    loss = nt_xent(z1, z2, temperature=temperature, negatives="other")
    assert float(loss) == pytest.approx(_slow_other(z1, z2, temperature), rel=TOLERANCE)


@pytest.mark.parametrize(("negatives", "candidates"), [("both", 7), ("other", 4)])
def test_identical_rows_give_log_of_candidates(negatives: str, candidates: int) -> None:
    z = torch.ones(4, 3)
    loss = nt_xent(z, z, temperature=0.1, negatives=negatives)
    assert float(loss) == pytest.approx(math.log(candidates), rel=TOLERANCE)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_views_may_change_places(negatives: str) -> None:
    z1, z2 = _pair()
    there = nt_xent(z1, z2, temperature=0.1, negatives=negatives)
    back = nt_xent(z2, z1, temperature=0.1, negatives=negatives)
    torch.testing.assert_close(there, back)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_length_of_vectors_does_not_matter(negatives: str) -> None:
    z1, z2 = _pair()
    loss = nt_xent(z1, z2, temperature=0.1, negatives=negatives)
    scaled = nt_xent(7 * z1, 0.1 * z2, temperature=0.1, negatives=negatives)
    torch.testing.assert_close(loss, scaled)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_gradient_steps_lower_the_loss(negatives: str) -> None:
    z1, z2 = (z.requires_grad_() for z in _pair())
    optimizer = torch.optim.SGD([z1, z2], lr=0.1)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nt_xent(z1, z2, temperature=0.5, negatives=negatives)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses == sorted(losses, reverse=True)


def test_bfloat16_autocast_does_not_reach_the_loss() -> None:
    z1, z2 = _pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(z1, z2, temperature=0.07, negatives="both")
    torch.testing.assert_close(
        inside, nt_xent(z1, z2, temperature=0.07, negatives="both")
    )


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (1, {}, "at least 2 rows"),
        (3, {"temperature": 0.0}, "temperature must be > 0, got 0"),
        (3, {"negatives": "none"}, "negatives must be one of both, other"),
    ],
)
def test_unusable_arguments_are_refused(
    rows: int, options: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {"temperature": 0.1, "negatives": "both", **options}
    with pytest.raises(ValueError, match=message):
        nt_xent(torch.ones(rows, 2), torch.ones(rows, 2), **arguments)  # type: ignore[arg-type]
