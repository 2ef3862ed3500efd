"""MMA's loss: InfoNCE over how well two spatial maps align.

Source: Windsor et al. 2021, arXiv 2107.06652;
    https://github.com/rwindsor1/biobank-self-supervised-alignment
    ``train_contrastive_networks.py``. The published code correlates maps of unequal
    size and so searches all overlaps; the maps here are of one size, so that a margin
    is padded around one of them or cropped off the other.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SEARCHES = ("pad", "crop", "pool")


def check_alignment_options(*, temperature: float, search: str, margin_px: int) -> None:
    """Refuse options that ``alignment_loss`` cannot work with.

    Args:
        temperature: Divisor of the similarities.
        search: One of ``SEARCHES``.
        margin_px: Largest translation, in map pixels.

    Raises:
        ValueError: If the temperature is not positive or the search is unknown or
            cannot have that margin.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    _check_search(search, margin_px)


def unit_vectors(
    maps: Float[Tensor, "batch channels height width"], *, search: str
) -> Float[Tensor, "batch channels _ _"]:
    """Maps whose every spatial vector has length 1, in float32.

    A vector of zeros stays one.

    Args:
        maps: Feature maps.
        search: "pool" first averages a map to one pixel, MMA's PoolAll. The published
            code takes the maximum and adds two layers; the mean is what every encoder
            here gives as its features.

    Returns:
        Maps of the same size, or of one pixel.
    """
    with torch.autocast(maps.device.type, enabled=False):
        maps = maps.float()
        if search == "pool":
            maps = maps.mean(dim=(2, 3), keepdim=True)
        return F.normalize(maps, dim=1)


def translation_similarity(
    maps1: Float[Tensor, "rows channels height width"],
    maps2: Float[Tensor, "cols channels height width"],
    *,
    search: str,
    margin_px: int,
) -> Float[Tensor, "rows cols"]:
    """How well each map of one sensor fits each map of the other.

    Every spatial vector is L2-normalised here. The similarity of two maps is the
    maximum over translations of the mean cosine between the vectors that then lie on
    each other. Computed in float32 whatever the autocast; on CUDA the convolution may
    round its factors to TF32.

    Args:
        maps1: Feature maps of the first sensor.
        maps2: Feature maps of the second sensor, of the same size.
        search: "pad": ``maps1`` gets a margin of zeros, ``maps2`` moves over it by up
            to the margin each way, and the mean is always over all height * width
            positions, so that vectors over the margin count as cosine 0. "crop":
            ``maps2`` loses the margin on each side and moves over ``maps1``, and the
            mean is over the positions that are left. "pool": cosine of the maps'
            means, no translation.
        margin_px: Largest translation, in map pixels; 0 compares in place.

    Returns:
        Similarities in [-1, 1], a row for each of ``maps1``.

    Raises:
        ValueError: If the maps differ in size or are too small for the margin, or the
            search is unknown or cannot have that margin.

    Source: arXiv 2107.06652; ``src/utils/misc.py`` of the published code.
    """
    _check_search(search, margin_px)
    if maps1.shape[1:] != maps2.shape[1:]:
        raise ValueError(
            "maps1 and maps2 must have the same channels, height and width, got "
            f"{tuple(maps1.shape)} and {tuple(maps2.shape)}"
        )
    height, width = maps1.shape[2:]
    _check_room(height, width, search, margin_px)
    u1 = unit_vectors(maps1, search=search)
    u2 = unit_vectors(maps2, search=search)
    if search == "pad":
        u1 = F.pad(u1, [margin_px] * 4)
    if search == "crop":
        u2 = u2[:, :, margin_px : height - margin_px, margin_px : width - margin_px]
    with torch.autocast(u1.device.type, enabled=False):
        # the maps of one sensor are the filters that slide over those of the other
        correlation = F.conv2d(u1, u2)  # (rows, cols, translations, translations)
    return correlation.amax(dim=(2, 3)) / u2[0, 0].numel()


def info_nce(
    similarity: Float[Tensor, "batch batch"], *, temperature: float
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE: row i and column i are positives.

    Args:
        similarity: Similarity of each row's item to each column's.
        temperature: Divisor of the similarities, > 0.

    Returns:
        Mean over the rows' and the columns' softmax.

    Raises:
        ValueError: If the similarities are not square or hold no negative.

    Source: arXiv 2107.06652; ``NCELoss`` of the published code.
    """
    if similarity.ndim != 2 or len(set(similarity.shape)) > 1 or len(similarity) < 2:
        raise ValueError(
            "similarity must be square with at least 2 rows, got "
            f"{tuple(similarity.shape)}"
        )
    # the published code takes the log of a softmax, which at temperature 0.005 is
    # infinite as soon as a positive lies about 0.5 behind
    logits = similarity.float() / temperature
    over_columns = logits.log_softmax(dim=1).diagonal().mean()
    over_rows = logits.log_softmax(dim=0).diagonal().mean()
    return -(over_columns + over_rows) / 2


def alignment_loss(
    maps1: Float[Tensor, "batch channels height width"],
    maps2: Float[Tensor, "batch channels height width"],
    *,
    temperature: float,
    search: str,
    margin_px: int,
    rows: slice | None = None,
) -> Float[Tensor, ""]:
    """InfoNCE of paired maps: map i of ``maps1`` and map i of ``maps2`` are positives.

    Args:
        maps1: Feature maps of the first sensor.
        maps2: Feature maps of the second.
        temperature: Divisor of the similarities, > 0; 0.005 in the published script.
        search: How translations are searched, see ``translation_similarity``.
        margin_px: Largest translation, in map pixels.
        rows: Maps of each sensor that are compared with all of the other, all by
            default. Where the maps are gathered from several processes, each one's own,
            as many as any other's: the mean over the processes is the whole batch's.

    Returns:
        Mean over both directions and the maps of ``rows``.
    """
    check_alignment_options(temperature=temperature, search=search, margin_px=margin_px)
    compare = partial(translation_similarity, search=search, margin_px=margin_px)
    if rows is None:
        return info_nce(compare(maps1, maps2), temperature=temperature)
    own = torch.arange(len(maps1), device=maps1.device)[rows]
    there = compare(maps1[rows], maps2) / temperature  # (rows, N)
    back = compare(maps1, maps2[rows]).T / temperature
    return (F.cross_entropy(there, own) + F.cross_entropy(back, own)) / 2


def _check_search(search: str, margin_px: int) -> None:
    if search not in SEARCHES:
        raise ValueError(f"search must be one of {', '.join(SEARCHES)}, got {search!r}")
    if margin_px < 0:
        raise ValueError(f"margin_px must be >= 0, got {margin_px}")
    if search == "pool" and margin_px > 0:
        raise ValueError(f"margin_px must be 0 for search pool, got {margin_px}")


def _check_room(height: int, width: int, search: str, margin_px: int) -> None:
    # padded maps must overlap at every translation, cropped ones must keep a pixel
    reach = 2 * margin_px if search == "crop" else margin_px
    if reach >= min(height, width):
        rule = "half the map's sides" if search == "crop" else "the map's sides"
        raise ValueError(
            f"margin_px must be < {rule} for search {search}, got {margin_px} for "
            f"maps of {height} x {width} px; lower it or take larger tiles"
        )
