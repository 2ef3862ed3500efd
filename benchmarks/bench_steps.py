"""Pair pre-training steps of our encoders, and SimCLR's views.

Every step is compared with the published way and with two limits: the measured rate of
matrix products in our precision over the step's arithmetic, and the measured rate of
memory over the step's traffic. The tighter one is named. Traffic is that of operations
that are not fused; on CUDA, where networks are compiled, that of the compiled kernels
and of the rest. There the step is measured once more for every other mode of
``torch.compile``.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial, reduce

import torch
from kornia import augmentation
from limits import (
    PeakMemory,
    matrix_rate,
    memory_rate,
    synchronise,
    traffic_of_compiled,
    work_of,
)
from measure import Row, Work, interleave, median, row, spread
from step_case import GOAL, Case, Limits
from step_ways import (
    Step,
    build,
    draw_tiles,
    networks_alone,
    our_step,
    published_step,
)
from torch import nn

from sentinel_fusion.data.views import RandomViews, blur_kernel, jitter_bands
from sentinel_fusion.train.device import (
    compile_networks,
    pick_device,
    prepare_process,
)

SMALL = "resnet10t width 8"
"""Encoder of the default pipeline, run at its size beside the others."""
SMALL_PX, SMALL_BATCH = 32, 128
MODES = ("default", "reduce-overhead")
"""Of ``torch.compile``; the second records CUDA graphs."""
VIEWS_OF = {"colour": 3, "bands": 13}
"""Kind of views -> bands."""
Layer = Callable[[torch.Tensor], torch.Tensor]


def main(argv: list[str]) -> Iterator[Row]:
    """Measure.

    Args:
        argv: Options; none measures everything within about 90 s on a CPU.

    Yields:
        A row an encoder, size and mode, one for the default pipeline's, two for views.
    """
    options = _options(argv)
    device = pick_device(options.device)
    prepare_process(1, device)
    yield _default_row(device, 3 * options.rounds)
    for kind in VIEWS_OF:
        yield _views_row(kind, device, 5 * options.rounds)
    for encoder in options.encoders:
        for px in options.sizes:
            case = Case(encoder, px, options.batch, device, options.rounds)
            yield from _step_rows(case, options.modes)


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch", type=int, help="pairs a step (4, on CUDA 128)")
    parser.add_argument("--rounds", type=int, help="(2, on CUDA 20)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 224])
    parser.add_argument(
        "--encoders", nargs="*", default=["resnet18", "resnet50", "swin_t"]
    )
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=MODES)
    options = parser.parse_args(argv)
    is_cuda = pick_device(options.device).type == "cuda"
    options.batch = options.batch or (128 if is_cuda else 4)
    options.rounds = options.rounds or (20 if is_cuda else 2)
    return options


def _waiting(step: Step, device: torch.device) -> Step:
    def run() -> torch.Tensor:
        loss = step()
        synchronise(device)
        return loss

    return run


def _step_rows(case: Case, modes: list[str]) -> Iterator[Row]:
    if case.device.type == "cpu":
        modes = ["default"]  # compiles nothing
    plain = None
    for mode in modes:
        torch.compiler.reset()  # releases what graphs of another mode hold
        try:
            measured = _step_row(case) if mode == "default" else None
            plain = measured["value"] if measured else plain
            yield measured or _graph_row(case, mode, plain)
        except torch.OutOfMemoryError:
            note = "did not fit into the memory of the device: --batch"
            yield row(f"{case.name}, {mode}", None, "pairs/s", note=note)


def _step_row(case: Case) -> Row:
    device, batch = case.device, case.batch
    tiles, method = draw_tiles(batch, case.size_px), build(case.encoder, case.size_px)
    ours, passes = our_step(method, tiles, device, "bfloat16")
    limits = _limits(method, passes, case)
    peak = PeakMemory(device)
    ours()
    peak_mib = peak.mib()
    published = published_step(build(case.encoder, case.size_px), tiles, device)
    work: dict[str, Work] = {
        "ours": _waiting(ours, device),
        "peer": _waiting(published, device),
    }
    times = interleave(work, case.rounds)
    mine, peer = (batch / median(times[name]) for name in work)
    bound, limit = limits.tighter()
    return row(
        case.name,
        mine,
        "pairs/s",
        spread=spread(times["ours"]),
        peer=peer,
        ratio_to_peer=mine / peer,
        limit=limit,
        ratio_to_limit=mine / limit,
        goal=GOAL if case.has_goal else "",
        met=limits.is_met(mine, peer) if case.has_goal else None,
        note=f"bfloat16, channels last; peer: the published way; limit: {bound}; "
        f"a pair is {limits.flops / 1e9:.3g} GFLOP and {limits.traffic / 1e6:.4g} MB "
        f"unfused, {limits.fused / 1e6:.4g} MB as it runs; "
        f"{mine * limits.flops / limits.arithmetic:.2f} of "
        f"{limits.arithmetic / 1e9:.4g} GFLOP/s, "
        f"{mine * limits.traffic / limits.memory:.2f} of "
        f"{limits.memory / 1e9:.3g} GB/s unfused; peak {peak_mib:.0f} MiB",
    )


def _limits(method: nn.Module, passes: Step, case: Case) -> Limits:
    """Compiles the method's networks, on CUDA."""
    flops, traffic = work_of(passes)
    fused = traffic
    if case.device.type == "cuda":
        tiles = draw_tiles(case.batch, case.size_px)
        alone = networks_alone(method, tiles, case.device, "bfloat16")
        rest = traffic - work_of(alone)[1]
        method.zero_grad()
        compile_networks(method, case.device)
        fused = rest + traffic_of_compiled(passes)
    return Limits(
        flops=flops / case.batch,
        traffic=traffic / case.batch,
        fused=fused / case.batch,
        arithmetic=matrix_rate(case.device, torch.bfloat16),
        memory=memory_rate(case.device),
    )


def _graph_row(case: Case, mode: str, plain: float | None) -> Row:
    tiles, method = (
        draw_tiles(case.batch, case.size_px),
        build(case.encoder, case.size_px),
    )
    ours, _ = our_step(method, tiles, case.device, "bfloat16")
    compile_networks(method, case.device, mode=mode)

    def step() -> torch.Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return ours()

    for _ in range(3):
        step()  # compiles, runs once more, records
    peak = PeakMemory(case.device)
    times = interleave({"ours": _waiting(step, case.device)}, case.rounds)["ours"]
    mine = case.batch / median(times)
    return row(
        f"{case.name}, {mode}",
        mine,
        "pairs/s",
        spread=spread(times),
        peer=plain,
        ratio_to_peer=mine / plain if plain else None,
        note=f"peer: ours without CUDA graphs, just before; peak {peak.mib():.0f} MiB",
    )


def _default_row(device: torch.device, rounds: int) -> Row:
    tiles = draw_tiles(SMALL_BATCH, SMALL_PX)
    ours, _ = our_step(build(SMALL, SMALL_PX), tiles, device, "float32")
    published = published_step(build(SMALL, SMALL_PX), tiles, device)
    return _small_row(
        f"{SMALL} pair step, {SMALL_PX} px, {SMALL_BATCH} pairs, {device.type}",
        {"ours": _waiting(ours, device), "peer": _waiting(published, device)},
        rounds,
        unit="pairs/s",
        note="the default pipeline's, float32; peer: the published way",
    )


def _views_row(kind: str, device: torch.device, rounds: int) -> Row:
    shape = (SMALL_BATCH, VIEWS_OF[kind], SMALL_PX, SMALL_PX)
    images = torch.rand(*shape, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    views = RandomViews(kind=kind, min_crop_share=0.2, jitter_strength=0.5)
    layers = _layers(kind)
    return _small_row(
        f"SimCLR views, {kind}, {VIEWS_OF[kind]} bands of {SMALL_PX} px, {device.type}",
        {
            "ours": _waiting(lambda: views.draw(images), device),
            "peer": _waiting(lambda: reduce(lambda x, f: f(x), layers, images), device),
        },
        rounds,
        unit="views/s",
        note="peer: the same views by the layers of kornia",
    )


def _small_row(
    name: str, work: dict[str, Work], rounds: int, *, unit: str, note: str
) -> Row:
    times = interleave(work, rounds)
    mine, peer = (SMALL_BATCH / median(times[way]) for way in work)
    return row(
        name,
        mine,
        unit,
        spread=spread(times["ours"]),
        peer=peer,
        ratio_to_peer=mine / peer,
        note=note,
    )


def _layers(kind: str) -> list[Layer]:
    size, kernel = (SMALL_PX, SMALL_PX), blur_kernel(SMALL_PX)
    colours: list[Layer] = [
        augmentation.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        augmentation.RandomGrayscale(p=0.2),
    ]
    return [
        augmentation.RandomResizedCrop(size, scale=(0.2, 1.0), align_corners=False),
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.RandomVerticalFlip(p=0.5),
        *(colours if kind == "colour" else [partial(jitter_bands, strength=0.5)]),
        augmentation.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5),
    ]


if __name__ == "__main__":
    for result in main(sys.argv[1:]):
        sys.stdout.write(f"{result}\n")
