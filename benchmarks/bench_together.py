"""Gradients of several fine-tunings of one cell, together and one after the other.

Seeds and learning rates of a cell train networks of one shape. ``torch.func`` can put
their weights side by side and run all as one, with grouped convolutions and batched
products. Batch normalisation uses the batch's statistics without keeping them, which
``vmap`` cannot; drop-path is off, so that both ways compute the same.
"""

import copy
from functools import partial

import torch
import yaml
from measure import ROOT, Row, interleave, median, row, spread
from torch import Tensor, nn
from torch.func import (
    functional_call,
    grad,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)
from torch.nn import functional as F

from sentinel_fusion.bands import BANDS
from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.train.arms import ArmConfig, build_encoder

ROUNDS = 15
BATCH, SIZE_PX = 32, 32
TOLERANCE = 1e-3
"""Of gradients relative to the largest: sums of float32 in another order."""
Tensors = dict[str, Tensor]


def main(argv: list[str]) -> list[Row]:
    """Measure.

    Args:
        argv: Not used.

    Returns:
        A row an encoder and number of networks.
    """
    torch.set_num_threads(1)
    options = yaml.safe_load((ROOT / "params.yaml").read_text())["encoders"]
    options["swin"]["drop_path"] = 0.0
    return [
        _row(encoder, options[encoder], count)
        for encoder in ("resnet", "swin")
        for count in (3, 6)
    ]


class _Classifier(nn.Module):
    def __init__(self, encoder: str, options: dict[str, object], seed: int) -> None:
        super().__init__()
        config = ArmConfig(
            method="scratch",
            method_options={},
            loss="none",
            encoder=encoder,
            encoder_options=options,
            inputs=("s1", "s2"),
            bands={},
            fusion="late",
            size_px=SIZE_PX,
            seed=seed,
        )
        self.encoder = build_encoder(config)
        self.head = linear_head(self.encoder.num_features, NUM_CLASSES, seed)

    def forward(self, images: Tensors) -> Tensor:
        logits: Tensor = self.head(self.encoder(images))
        return logits


def _row(encoder: str, options: dict[str, object], count: int) -> Row:
    nets: list[nn.Module] = [_Classifier(encoder, options, n) for n in range(count)]
    for net in nets:
        replace_all_batch_norm_modules_(net)
    torch.manual_seed(0)
    images = {
        sensor: torch.randn(count, BATCH, len(names), SIZE_PX, SIZE_PX)
        for sensor, names in BANDS.items()
    }
    wanted = torch.randint(0, NUM_CLASSES, (count, BATCH))
    params, buffers = stack_module_state(nets)
    together = _together(nets[0])
    one_by_one = partial(_one_by_one, nets, images, wanted)
    found, expected = together(params, buffers, images, wanted), one_by_one()
    work = {
        "together": partial(together, params, buffers, images, wanted),
        "apart": one_by_one,
    }
    times = interleave(work, ROUNDS)
    gain = median(times["apart"]) / median(times["together"])
    return row(
        f"{encoder}, fine-tuning step of {count} networks, one after the other",
        1e3 * median(times["apart"]),
        "ms",
        spread=spread(times["apart"]),
        peer=1e3 * median(times["together"]),
        ratio_to_peer=1 / gain,
        note="peer: the same networks as one by torch.func.vmap, gradients equal to "
        f"{_difference(found, expected):.1g}; one thread, {BATCH} tiles each",
    )


def _together(net: nn.Module):  # type: ignore[no-untyped-def]  # noqa: ANN202
    skeleton = copy.deepcopy(net).to("meta")

    def loss(
        params: Tensors, buffers: Tensors, images: Tensors, wanted: Tensor
    ) -> Tensor:
        return F.cross_entropy(
            functional_call(skeleton, (params, buffers), (images,)), wanted
        )

    return vmap(grad(loss))


def _one_by_one(nets: list[nn.Module], images: Tensors, wanted: Tensor) -> Tensors:
    for number, net in enumerate(nets):
        net.zero_grad(set_to_none=True)
        batch = {sensor: pixels[number] for sensor, pixels in images.items()}
        F.cross_entropy(net(batch), wanted[number]).backward()  # type: ignore[no-untyped-call]
    named = [dict(net.named_parameters()) for net in nets]
    return {
        name: torch.stack([params[name].grad for params in named])  # type: ignore[misc]
        for name in named[0]
    }


def _difference(found: Tensors, expected: Tensors) -> float:
    """Largest difference of a gradient, relative to the largest of its tensor."""
    worst = max(
        float(
            (found[name] - value).detach().abs().max()
            / value.abs().max().clamp(min=1e-6)
        )
        for name, value in expected.items()
    )
    if worst > TOLERANCE:
        raise ValueError(
            f"gradients together and apart must agree to {TOLERANCE}, got {worst:.1g}"
        )
    return worst
