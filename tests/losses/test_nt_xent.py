import math

import pytest
import torch
from torch import Tensor

from sentinel_fusion.losses import nt_xent as module
from sentinel_fusion.losses import nt_xent_blocks
from sentinel_fusion.losses.nt_xent import (
    NEGATIVES,
    nt_xent,
    nt_xent_by_anchors,
    symmetric_nt_xent,
)

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


def _slow_both_gradients(
    z1: Tensor, z2: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Gradients of equation 1, written anchor by anchor in float64."""
    parts = [z.detach().double().requires_grad_() for z in (z1, z2)]
    u = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts])
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(u)):
        others = [u[i] @ u[k] / temperature for k in range(len(u)) if k != i]
        positive = u[i] @ u[(i + len(z1)) % len(u)] / temperature
        total = total + torch.stack(others).logsumexp(0) - positive
    (total / len(u)).backward()
    return parts[0].grad, parts[1].grad  # type: ignore[return-value]


def _loss_and_gradients(
    z1: Tensor, z2: Tensor, **options: object
) -> tuple[Tensor, Tensor, Tensor]:
    z1, z2 = (z.detach().clone().requires_grad_() for z in (z1, z2))
    loss = nt_xent(z1, z2, **options)  # type: ignore[arg-type]
    loss.backward()
    assert z1.grad is not None
    assert z2.grad is not None
    return loss.detach(), z1.grad, z2.grad


def _take_form(monkeypatch: pytest.MonkeyPatch, *, blocks: bool) -> None:
    monkeypatch.setattr(module, "PLAIN_VECTORS", 0 if blocks else 2**30)


@pytest.mark.parametrize("symmetric", [False, True])
def test_gradients_equal_those_of_the_papers_double_loop(
    symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_form(monkeypatch, blocks=symmetric)
    z1, z2 = _pair()
    _, *found = _loss_and_gradients(z1, z2, temperature=0.07, negatives="both")
    expected = [g.float() for g in _slow_both_gradients(z1, z2, 0.07)]
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("kept_entries", [0, 2**24], ids=["anew", "kept"])
@pytest.mark.parametrize("block_rows", [1, 7, 256])
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_the_symmetric_form_equals_the_plain_one(
    negatives: str, block_rows: int, kept_entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nt_xent_blocks, "KEPT_ENTRIES", kept_entries)
    monkeypatch.setattr(nt_xent_blocks, "_CPU_BLOCK_ROWS", block_rows)
    z1, z2 = _pair(batch=10, dim=4)
    forms = []
    for symmetric in (False, True):
        _take_form(monkeypatch, blocks=symmetric)
        forms.append(_loss_and_gradients(z1, z2, temperature=0.05, negatives=negatives))
    torch.testing.assert_close(forms[1], forms[0], rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_a_batch_on_either_side_of_the_threshold_gives_the_same(
    negatives: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    z1, z2 = _pair(batch=module.PLAIN_VECTORS // 2 + 1, dim=16)
    above = _loss_and_gradients(z1, z2, temperature=0.07, negatives=negatives)
    _take_form(monkeypatch, blocks=False)
    below = _loss_and_gradients(z1, z2, temperature=0.07, negatives=negatives)
    torch.testing.assert_close(above, below, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_temperature_that_underflows_one_offset_stays_finite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _take_form(monkeypatch, blocks=True)
    z1 = torch.eye(4)
    loss, gradient, _ = _loss_and_gradients(
        z1, -z1, temperature=0.005, negatives="both"
    )
    # the positive lies 1 / temperature behind 2 N - 4 orthogonal negatives
    assert float(loss) == pytest.approx(200 + math.log(6), rel=TOLERANCE)
    assert gradient.isfinite().all()


def test_the_symmetric_form_stays_finite_at_its_lowest_temperature() -> None:
    z = torch.eye(4)
    z[1:] = z[0]  # opposite everywhere but to itself
    loss = symmetric_nt_xent(z, -z, temperature=module.COOLEST, negatives="other")
    assert float(loss) == pytest.approx(math.log(4), rel=TOLERANCE)


def test_the_symmetric_form_needs_no_gradient() -> None:
    z1, z2 = _pair()
    with torch.no_grad():
        loss = symmetric_nt_xent(
            torch.nn.functional.normalize(z1),
            torch.nn.functional.normalize(z2),
            temperature=0.07,
            negatives="both",
        )
    assert float(loss) == pytest.approx(_slow_both(z1, z2, 0.07), rel=TOLERANCE)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_parts_of_the_anchors_average_to_the_whole(negatives: str) -> None:
    z1, z2 = _pair()
    options = {"temperature": 0.1, "negatives": negatives}
    whole = _loss_and_gradients(z1, z2, **options)
    parts = [
        _loss_and_gradients(z1, z2, **options, rows=rows)
        for rows in (slice(0, 3), slice(3, 6))
    ]
    mean = tuple((a + b) / 2 for a, b in zip(*parts, strict=True))
    torch.testing.assert_close(mean, whole, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("block_rows", [2, 256])
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("temperature", [0.01, 0.07])
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_a_share_of_the_anchors_block_by_block_equals_the_plain_form(
    negatives: str,
    temperature: float,
    ranks: int,
    block_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nt_xent_blocks, "_CPU_BLOCK_ROWS", block_rows)
    z1, z2 = _pair(batch=12, dim=4)
    options = {"temperature": temperature, "negatives": negatives}
    each = 12 // ranks
    for rows in (slice(n * each, (n + 1) * each) for n in range(ranks)):
        forms = []
        for blocks in (False, True):
            _take_form(monkeypatch, blocks=blocks)
            forms.append(_loss_and_gradients(z1, z2, **options, rows=rows))
        torch.testing.assert_close(forms[1], forms[0], rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("rows", [slice(0, 3), slice(2, 4), slice(None)])
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_gradients_by_anchors_are_those_of_finite_differences(
    negatives: str, rows: slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nt_xent_blocks, "_CPU_BLOCK_ROWS", 2)
    vectors = [z.double().requires_grad_() for z in _pair()]

    def loss(z1: Tensor, z2: Tensor) -> Tensor:
        u1, u2 = (torch.nn.functional.normalize(z) for z in (z1, z2))
        return nt_xent_by_anchors(
            u1, u2, temperature=0.2, negatives=negatives, rows=rows
        )

    assert torch.autograd.gradcheck(loss, vectors)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_a_share_of_a_large_batch_takes_the_form_by_anchors(
    negatives: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "plain_nt_xent", None)
    z1, z2 = _pair(batch=module.PLAIN_VECTORS, dim=4)
    options = {"temperature": 0.1, "negatives": negatives}
    half = len(z1) // 2
    parts = [
        nt_xent(z1, z2, **options, rows=rows)  # type: ignore[arg-type]
        for rows in (slice(half), slice(half, None))
    ]
    whole = nt_xent(z1, z2, **options)  # type: ignore[arg-type]
    torch.testing.assert_close(sum(parts) / 2, whole, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.gpu
@pytest.mark.parametrize("rows", [None, slice(128)], ids=["all", "share"])
@pytest.mark.parametrize("batch", [64, 256])
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_a_gpu_gives_what_a_cpu_does(
    negatives: str, batch: int, rows: slice | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    z1, z2 = _pair(batch=batch, dim=16)
    options = {"temperature": 0.07, "negatives": negatives, "rows": rows}
    expected = _loss_and_gradients(z1, z2, **options)
    found = _loss_and_gradients(z1.cuda(), z2.cuda(), **options)
    for x, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(x.cpu(), wanted, rtol=TOLERANCE, atol=TOLERANCE)


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
