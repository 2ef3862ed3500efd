"""NT-Xent forward and backward: ours, the masked form, lightly, metric-learning.

The masked form is the published code's as it is described: all 2N x 2N similarities,
boolean masks that pick positives and negatives out of them, cross-entropy over the rows
put together anew. Seconds are the processor's, on one thread; where there is a CUDA
device its rows follow, in seconds by the clock.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from limits import PeakMemory, synchronise
from measure import (
    Row,
    Work,
    has,
    in_fresh_process,
    interleave,
    median,
    missing,
    row,
    spread,
)
from torch import Tensor
from torch.nn import functional as F

from sentinel_fusion.losses.nt_xent import nt_xent

PAIRS = 1024
FEW_PAIRS = 128
DIM = 128
TEMPERATURE = 0.07
ROUNDS = 9
LARGE_PAIRS = 32_768
SHARED_PAIRS = (4_096, 8_192)
"""Of which a rank has half of the anchors."""
SHARED_ROUNDS = 3
CPU = torch.device("cpu")
MIB = 2**20
Loss = Callable[[Tensor, Tensor], Tensor]
_LARGE = """
import json, sys, time
import torch
from limits import PeakMemory, synchronise
from measure import peak_mib
from sentinel_fusion.losses import nt_xent as module
pairs, anchors, form, out = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
if form == "plain":
    module.PLAIN_VECTORS = 2 * pairs
rows = slice(anchors) if anchors < pairs else None
before = peak_mib()
torch.manual_seed(0)
z1, z2 = (torch.randn(pairs, 128, requires_grad=True) for _ in range(2))
start = time.perf_counter()
loss = module.nt_xent(z1, z2, temperature=0.07, negatives="both", rows=rows)
loss.backward()
seconds = time.perf_counter() - start
assert z1.grad.isfinite().all()
json.dump([seconds, before, peak_mib()], open(out, "w"))
"""
_STEP = """
import json, sys, time
from contextlib import nullcontext
import torch
from limits import PeakMemory, synchronise
from measure import peak_mib
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.bands import BANDS
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.gradient_cache import cached_backward
batch, micro, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
ones = {s: [1.0] * len(names) for s, names in BANDS.items()}
arm = ArmConfig(
    method="dual_simclr",
    method_options={"projection_dim": 128, "temperature": 0.07, "negatives": "both"},
    loss="nt_xent", encoder="swin",
    encoder_options={"patch_px": 4, "embed_dim": 32, "depths": [2, 2],
                     "num_heads": [2, 4], "drop_path": 0.1},
    inputs=("s1", "s2"), bands={}, fusion="late", size_px=32, seed=0)
method = build_method(arm, Normalisation(mean=ones, sd=ones)).train()
images = {s: torch.randn(batch, len(n), 32, 32) for s, n in BANDS.items()}
before = peak_mib()
start = time.process_time()
if micro:
    cached_backward(method, images, micro_batch=micro, precision=nullcontext)
else:
    method.training_loss(images).backward()
seconds = time.process_time() - start
json.dump([seconds, before, peak_mib()], open(out, "w"))
"""


def masked(z1: Tensor, z2: Tensor) -> Tensor:
    """NT-Xent by masks over the whole similarity matrix.

    Args:
        z1: Projections of the first view.
        z2: Projections of the second.

    Returns:
        Mean over the 2N anchors.
    """
    pairs = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    similarity = z @ z.T / TEMPERATURE
    is_itself = torch.eye(2 * pairs, dtype=torch.bool, device=z.device)
    is_positive = is_itself.roll(pairs, dims=0)
    positives = similarity[is_positive].view(2 * pairs, 1)
    negatives = similarity[~(is_positive | is_itself)].view(2 * pairs, -1)
    logits = torch.cat([positives, negatives], dim=1)
    first = torch.zeros(2 * pairs, dtype=torch.long, device=z.device)
    return F.cross_entropy(logits, first)


def _lightly() -> Loss:
    from lightly.loss import NTXentLoss

    loss: Loss = NTXentLoss(temperature=TEMPERATURE)
    return loss


def _metric_learning() -> Loss:
    from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss

    loss: Loss = SelfSupervisedLoss(NTXentLoss(temperature=TEMPERATURE))
    return loss


def _ours(z1: Tensor, z2: Tensor) -> Tensor:
    return nt_xent(z1, z2, temperature=TEMPERATURE, negatives="both")


def _pair(pairs: int, device: torch.device) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    z1 = torch.randn(pairs, DIM, generator=generator)
    z2 = z1 + torch.randn(pairs, DIM, generator=generator)
    return z1.to(device), z2.to(device)


def _step(loss: Loss, z1: Tensor, z2: Tensor) -> Tensor:
    z1, z2 = z1.requires_grad_(), z2.requires_grad_()
    z1.grad = z2.grad = None
    loss(z1, z2).backward()  # type: ignore[no-untyped-call]
    assert z1.grad is not None
    synchronise(z1.device)
    return z1.grad


def main(argv: list[str]) -> Iterator[Row]:
    """Measure.

    Args:
        argv: Pairs of the largest batch, by default ``LARGE_PAIRS``.

    Yields:
        Result rows.
    """
    torch.set_num_threads(1)
    peers: dict[str, Loss] = {"masked form": masked}
    if has("lightly"):
        peers["lightly"] = _lightly()
    yield from _against(peers, PAIRS, {"masked form": 5, "lightly": 1.5}, CPU)
    few = dict(peers)
    if has("pytorch_metric_learning"):
        # compares positives with negatives, all with all: 34 GB for 1024 pairs
        few["pytorch-metric-learning"] = _metric_learning()
    yield from _against(few, FEW_PAIRS, {}, CPU)
    for package in ("lightly", "pytorch_metric_learning"):
        if not has(package):
            yield missing("NT-Xent", package)
    yield _shared()
    large_pairs = int(argv[0]) if argv else LARGE_PAIRS
    yield _large(large_pairs)
    yield _gradient_cache()
    if torch.cuda.is_available():
        card = torch.device("cuda")
        yield from _against(peers, PAIRS, {}, card)
        yield _large_on(card, large_pairs)


def _against(
    peers: dict[str, Loss],
    pairs: int,
    goals: dict[str, float],
    device: torch.device,
) -> Iterator[Row]:
    losses = {"ours": _ours, **peers}
    z1, z2 = _pair(pairs, device)
    work: dict[str, Work] = {
        name: partial(_step, loss, z1, z2) for name, loss in losses.items()
    }
    work["product"] = partial(_product, torch.cat([z1, z2]))
    is_cpu = device.type == "cpu"
    clock = time.process_time if is_cpu else time.perf_counter
    seconds = interleave(work, ROUNDS, clock)
    where = "" if is_cpu else f", {device.type}"
    ours, floor = median(seconds["ours"]), 1.5 * median(seconds["product"])
    expected = float(_ours(z1, z2).detach())
    own = _step(_ours, z1, z2).clone()
    for name in peers:
        ratio, goal = median(seconds[name]) / ours, goals.get(name)
        gap = abs(float(losses[name](z1, z2).detach()) - expected) / expected
        gap = max(gap, float((_step(losses[name], z1, z2) - own).norm() / own.norm()))
        yield row(
            f"NT-Xent of {pairs} pairs, forward and backward, peer: {name}{where}",
            1e3 * ours,
            "ms",
            spread=spread(seconds["ours"]),
            peer=1e3 * median(seconds[name]),
            ratio_to_peer=ratio,
            limit=1e3 * floor,
            ratio_to_limit=floor / ours,
            goal=f">= {goal} x peer, equal to 1e-5" if goal else "equal to 1e-5",
            met=ratio >= (goal or 0) and gap < 1e-5,
            note=f"largest relative difference of value and gradient {gap:.1e}; "
            "limit: the arithmetic of one and a half 2N x 2N products",
        )


def _product(z: Tensor) -> None:
    torch.mm(z, z.T)
    synchronise(z.device)


def _shared() -> Row:
    """A rank's half of the anchors among all vectors."""
    seconds, used = {}, {}
    for pairs in SHARED_PAIRS:
        for form, times in (("blocks", SHARED_ROUNDS), ("plain", 1)):
            given = (str(pairs), str(pairs // 2), form)
            runs = [in_fresh_process(_LARGE, *given) for _ in range(times)]
            seconds[pairs, form] = median([run[0] for run in runs])
            used[pairs, form] = median([peak - before for _, before, peak in runs])
    few, many = SHARED_PAIRS
    grown = used[many, "blocks"] / used[few, "blocks"]
    faster = seconds[many, "plain"] / seconds[many, "blocks"]
    return row(
        f"NT-Xent of a rank's half of {many} pairs, forward and backward, memory",
        used[many, "blocks"],
        "MiB",
        peer=used[many, "plain"],
        ratio_to_peer=used[many, "plain"] / used[many, "blocks"],
        goal="grows as the batch",
        met=grown <= 1.1 * many / few,
        note=f"peer: the similarity matrix, {faster:.1f} times the time; ours for "
        f"{few} pairs: {used[few, 'blocks']:.0f} MiB",
    )


def _large(pairs: int) -> Row:
    whole = str(pairs)
    seconds, before, peak = in_fresh_process(_LARGE, whole, whole, "blocks")
    return row(
        f"NT-Xent of {pairs} pairs, forward and backward, peak memory",
        peak,
        "MiB",
        goal="<= 1 GB",
        met=peak * MIB <= 1e9,
        note=f"of the whole process, {before:.0f} MiB of it before; {seconds:.0f} s; "
        f"all similarities would take {(2 * pairs) ** 2 * 4 / 2**30:.0f} GiB",
    )


def _large_on(device: torch.device, pairs: int) -> Row:
    z1, z2 = _pair(pairs, device)
    peak = PeakMemory(device)
    start = time.perf_counter()
    _step(_ours, z1, z2)
    seconds = time.perf_counter() - start
    return row(
        f"NT-Xent of {pairs} pairs, forward and backward, peak memory, {device.type}",
        peak.mib(),
        "MiB",
        goal="<= 1 GB",
        met=peak.mib() * MIB <= 1e9,
        note=f"of what PyTorch allocated there; {seconds:.2f} s with the first start",
    )


def _gradient_cache() -> Row:
    batch, micro = 2048, 128
    runs = {
        name: in_fresh_process(_STEP, str(tiles), str(part))
        for name, tiles, part in (
            ("whole", batch, 0),
            ("cached", batch, micro),
            ("small", micro, 0),
        )
    }
    used = {name: peak - before for name, (_, before, peak) in runs.items()}
    slower = runs["cached"][0] / runs["whole"][0]
    return row(
        f"memory of a step of {batch} pairs in parts of {micro}",
        used["cached"],
        "MiB",
        peer=used["whole"],
        ratio_to_peer=used["whole"] / used["cached"],
        limit=used["small"],
        ratio_to_limit=used["small"] / used["cached"],
        note=f"peer: the step at once; limit: a step of {micro} pairs; Swin of width "
        f"32 at 32 px; {slower:.2f} times the time",
    )
