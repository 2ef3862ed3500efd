"""Random views of Sentinel-2 images for SimCLR, drawn with kornia.

Source: Chen et al. 2020, arXiv 2002.05709, section 3 and appendix A.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from kornia import augmentation
from kornia.geometry.transform import remap
from torch import Tensor

from sentinel_fusion.data.part import WHOLE, Part

VIEWS = ("colour", "bands")
COLOUR_CHANNELS = 3
JITTER_PROBABILITY = 0.8
GRAYSCALE_PROBABILITY = 0.2
BLUR_PROBABILITY = 0.5
BLUR_SIGMA = (0.1, 2.0)
BLUR_SHARE = 10
"""Image edges are this many times the edge of the blur's kernel."""
STRONG = 0.8
"""Largest relative change of brightness, contrast, saturation at strength 1."""
WEAK = 0.2
"""Largest shift of the hue at strength 1, in turns of the colour circle."""
_SMALL_KERNEL = 7
"""Up to this edge one convolution is faster than two of one row and one column."""
_OF_THE_BATCH = ("order", "forward_input_shape")
"""What kornia's layers draw once a batch."""


@dataclass(frozen=True, kw_only=True)
class RandomViews:
    """How views are drawn; every image gets draws of its own.

    All draws come from torch's global CPU state, whatever device the images are on:
    kornia takes no generator. Who needs repeatable views seeds that state.

    Args:
        kind: "colour" distorts brightness, contrast, saturation and hue of RGB images;
            "bands" distorts level and contrast of any number of bands.
        min_crop_share: Smallest area of a crop as share of the image; 0.08 as
            published.
        jitter_strength: Factor on all distortions of brightness and colour; 1 as
            published for ImageNet, 0.5 for CIFAR-10.
    """

    kind: str
    min_crop_share: float
    jitter_strength: float

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If the kind is unknown or a number is out of range.
        """
        if self.kind not in VIEWS:
            raise ValueError(
                f"views must be one of {', '.join(VIEWS)}, got {self.kind!r}"
            )
        if not 0 < self.min_crop_share <= 1:
            raise ValueError(
                f"min_crop_share must be > 0 and <= 1, got {self.min_crop_share}"
            )
        if not 0 <= self.jitter_strength <= 1:
            raise ValueError(
                f"jitter_strength must be >= 0 and <= 1, got {self.jitter_strength}"
            )

    @torch.no_grad()
    def draw(
        self,
        reflectance: Float[Tensor, "batch bands height width"],
        part: Part = WHOLE,
    ) -> Float[Tensor, "batch bands height width"]:
        """One view of every image: crop, flips, jitter, blur, in this order.

        The vertical flip is not in the paper: a satellite image has no upper side.
        Computed in float32 whatever the autocast.

        Args:
            reflectance: Top-of-atmosphere reflectance, 0 to 1; kornia's jitter is made
                for this range, so brighter pixels such as cloud are cut to 1. Bands in
                the order red, green, blue for "colour".
            part: Which part of the batch the images are.

        Returns:
            Images of the same size within 0 and 1, channels last in memory.

        Raises:
            ValueError: If the kind is "colour" and there are not 3 bands.
        """
        if self.kind == "colour" and reflectance.shape[1] != COLOUR_CHANNELS:
            raise ValueError(
                f"colour views need {COLOUR_CHANNELS} bands in the order B04, B03, "
                f"B02, got {reflectance.shape[1]}"
            )
        with torch.autocast(reflectance.device.type, enabled=False):
            images = self._crop(reflectance.clamp(0, 1), part)
            if self.kind == "colour":
                self._distort_colours(images, part)
            else:
                images = jitter_bands(images, strength=self.jitter_strength, part=part)
            kernel = blur_kernel(min(images.shape[2:]))
            blur = augmentation.RandomGaussianBlur(
                (kernel, kernel),
                BLUR_SIGMA,
                separable=kernel > _SMALL_KERNEL,
                p=BLUR_PROBABILITY,
            )
            _change_some(images, blur, part)
        # rounding of the blur's weights can lead just beyond the limits
        return images.clamp_(0, 1).contiguous(memory_format=torch.channels_last)

    def _crop(self, images: Tensor, part: Part) -> Tensor:
        # kornia's layer cuts and scales one image after another; this is what it gives
        size = (images.shape[2], images.shape[3])
        layers = (
            augmentation.RandomResizedCrop(size, scale=(self.min_crop_share, 1.0)),
            augmentation.RandomHorizontalFlip(p=0.5),
            augmentation.RandomVerticalFlip(p=0.5),
        )
        crop, mirror, turn = (_drawn(layer, images, part) for layer in layers)
        first, last = crop["src"][:, 0], crop["src"][:, 2]  # (B, 2), x before y
        x = _sampled(first[:, 0], last[:, 0], mirror["batch_prob"], size[1])
        y = _sampled(first[:, 1], last[:, 1], turn["batch_prob"], size[0])
        return remap(
            images,
            x[:, None, :].expand(-1, *size).to(images.device, non_blocking=True),
            y[:, :, None].expand(-1, *size).to(images.device, non_blocking=True),
            padding_mode="border",
            align_corners=True,
        )

    def _distort_colours(self, images: Tensor, part: Part) -> None:
        strong, weak = STRONG * self.jitter_strength, WEAK * self.jitter_strength
        jitter = augmentation.ColorJitter(
            strong, strong, strong, weak, p=JITTER_PROBABILITY
        )
        _change_some(images, jitter, part)
        greyscale = augmentation.RandomGrayscale(p=GRAYSCALE_PROBABILITY)
        _change_some(images, greyscale, part)


def _drawn(
    layer: augmentation.AugmentationBase2D, images: Tensor, part: Part
) -> dict[str, Tensor]:
    """What a kornia layer draws for these images."""
    drawn = layer.forward_parameters((part.whole(len(images)), *images.shape[1:]))
    return {k: x if k in _OF_THE_BATCH else part.cut(x) for k, x in drawn.items()}


def _sampled(
    first: Float[Tensor, " batch"],
    last: Float[Tensor, " batch"],
    flip: Float[Tensor, " batch"],
    edge_px: int,
) -> Float[Tensor, "batch edge_px"]:
    """Where along an axis a crop is read, at the centres of the pixels it becomes."""
    first, last, flip = first[:, None], last[:, None], flip[:, None]
    centres = torch.arange(edge_px) + 0.5
    read = first - 0.5 + centres * (last - first + 1) / edge_px
    read = read.maximum(first).minimum(last)  # not beyond the crop
    return torch.where(flip > 0.5, read.flip(1), read)


def _change_some(
    images: Tensor, layer: augmentation.IntensityAugmentationBase2D, part: Part
) -> None:
    """Change, in place, the images that a kornia layer chooses.

    The layer itself changes all of them and then keeps some.
    """
    drawn = _drawn(layer, images, part)
    chosen = (drawn["batch_prob"] > 0.5).nonzero().squeeze(1)
    if len(chosen) == 0:
        return
    each = {name: x[chosen] for name, x in drawn.items() if name not in _OF_THE_BATCH}
    rows = chosen.to(images.device, non_blocking=True)
    images[rows] = layer.apply_transform(images[rows], drawn | each, layer.flags)


def blur_kernel(edge_px: int) -> int:
    """Edge of the blur's kernel: about a tenth of the image's, as published.

    Args:
        edge_px: Shorter edge of the image.

    Returns:
        An odd number of pixels, at least 3.
    """
    return max(3, edge_px // BLUR_SHARE | 1)


def jitter_bands(
    images: Float[Tensor, "batch bands height width"],
    *,
    strength: float,
    part: Part = WHOLE,
) -> Float[Tensor, "batch bands height width"]:
    """Distort each band by itself, and the brightness of all bands together.

    What colour jitter is to RGB: brightness scales the image, as other light would; a
    gain for every image and band widens or narrows the values around the band's mean in
    that image; an offset, a share of that mean, shifts them, as haze and season do. The
    means make it free of scale: bands differ a hundredfold in reflectance.

    Args:
        images: Reflectance.
        strength: 1 lets brightness and gain differ from 1 by up to ``STRONG`` and the
            offset from 0 by up to ``WEAK``; 0 changes nothing.
        part: Which part of the batch the images are.

    Returns:
        Reflectance within 0 and 1, some images as they were.
    """
    batch, bands = part.whole(len(images)), images.shape[1]
    chosen = torch.rand(batch, 1, 1, 1) < JITTER_PROBABILITY
    brightness = 1 + strength * chosen * _uniform((batch, 1), STRONG)
    gain = 1 + strength * chosen * _uniform((batch, bands), STRONG)
    offset = strength * chosen * _uniform((batch, bands), WEAK)
    scale = part.cut(brightness * gain).to(images.device, non_blocking=True)
    shift = part.cut(brightness * (1 + offset - gain)).to(
        images.device, non_blocking=True
    )
    level = images.mean(dim=(2, 3), keepdim=True)
    return torch.addcmul(shift * level, scale, images).clamp_(0, 1)


def _uniform(shape: tuple[int, int], limit: float) -> Tensor:
    return torch.empty(*shape, 1, 1).uniform_(-limit, limit)
