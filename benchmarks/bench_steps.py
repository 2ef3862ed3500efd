"""Pair pre-training steps of our encoders, and SimCLR's views.

Every step is compared with the published way and with two limits: the measured rate of
matrix products in our precision over the step's arithmetic, and the measured rate of
memory over the step's traffic if no operations are fused. The tighter one is named.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial, reduce

import torch
from kornia import augmentation
from limits import PeakMemory, matrix_rate, memory_rate, synchronise, work_of
from measure import Row, Work, interleave, median, row, spread
from step_ways import Step, build, draw_tiles, our_step, published_step

from sentinel_fusion.data.views import RandomViews, blur_kernel, jitter_bands
from sentinel_fusion.train.device import (
    compile_networks,
    pick_device,
    prepare_process,
)

SMALL = "resnet10t width 8"
"""Encoder of the default pipeline, run at its size beside the others."""
SMALL_PX, SMALL_BATCH = 32, 128
GOAL = ">= 0.7 of the limit and >= 3 x the published way on an H200"
VIEWS_OF = {"colour": 3, "bands": 13}
"""Kind of views -> bands."""
Layer = Callable[[torch.Tensor], torch.Tensor]


def main(argv: list[str]) -> list[Row]:
    """Measure.

    Args:
        argv: Options; none measures everything within about 90 s on a CPU.

    Returns:
        A row an encoder and size, one for the default pipeline's, two for views.
    """
    options = _options(argv)
    device = pick_device(options.device)
    prepare_process(1, device)
    cases = [(e, px, options.batch) for e in options.encoders for px in options.sizes]
    rows = [_step_row(*case, device, options.rounds) for case in cases]
    rows.append(_default_row(device, 3 * options.rounds))
    return rows + [_views_row(kind, device, 5 * options.rounds) for kind in VIEWS_OF]


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch", type=int, help="pairs a step (4, on CUDA 128)")
    parser.add_argument("--rounds", type=int, help="(2, on CUDA 20)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 224])
    parser.add_argument(
        "--encoders", nargs="*", default=["resnet18", "resnet50", "swin_t"]
    )
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


def _step_row(
    encoder: str,
    size_px: int,
    batch: int,
    device: torch.device,
    rounds: int,
) -> Row:
    tiles, method = draw_tiles(batch, size_px), build(encoder, size_px)
    ours, passes = our_step(method, tiles, device, "bfloat16")
    flops, traffic = (total / batch for total in work_of(passes))
    rates = (matrix_rate(device, torch.bfloat16), memory_rate(device))
    compile_networks(method, device)
    if device.type == "cuda":
        ours()  # compiles
    peak = PeakMemory(device)
    ours()
    peak_mib = peak.mib()
    published = published_step(build(encoder, size_px), tiles, device)
    work: dict[str, Work] = {
        "ours": _waiting(ours, device),
        "peer": _waiting(published, device),
    }
    times = interleave(work, rounds)
    mine, peer = (batch / median(times[name]) for name in work)
    limits = {"matrix rate": rates[0] / flops, "memory rate": rates[1] / traffic}
    bound = min(limits, key=limits.__getitem__)
    is_goal = encoder != "resnet18" and size_px == 224 and device.type == "cuda"
    return row(
        f"{encoder} pair step, {size_px} px, {batch} pairs, {device.type}",
        mine,
        "pairs/s",
        spread=spread(times["ours"]),
        peer=peer,
        ratio_to_peer=mine / peer,
        limit=limits[bound],
        ratio_to_limit=mine / limits[bound],
        goal=GOAL if is_goal else "",
        note=f"bfloat16, channels last; peer: the published way; limit: {bound}; "
        f"a pair is {flops / 1e9:.3g} GFLOP and {traffic / 1e6:.4g} MB unfused; "
        f"{mine * flops / rates[0]:.2f} of {rates[0] / 1e9:.4g} GFLOP/s, "
        f"{mine * traffic / rates[1]:.2f} of {rates[1] / 1e9:.3g} GB/s; "
        f"peak {peak_mib:.0f} MiB",
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
