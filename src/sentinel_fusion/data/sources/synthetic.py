"""Generated scenes: SEN12MS layout to pre-train on, DFC2020 layout with labels."""

from dataclasses import dataclass
from pathlib import Path

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.sources import dfc2020, sen12ms
from sentinel_fusion.data.synthetic.layout import write_dfc2020, write_sen12ms


@dataclass(frozen=True)
class Sizes:
    """How much to generate.

    Args:
        patch_px: Edge of a patch.
        patches_per_place: Patches cut from one simulated place.
        pretrain_places: Places of the role pretrain.
        validation_places: Labelled places of the group "validation".
        test_places: Labelled places of the group "test".
        workers: Processes that generate.
    """

    patch_px: int
    patches_per_place: int
    pretrain_places: int
    validation_places: int
    test_places: int
    workers: int


def prepare(
    path: Path, raw: Path, *, role: str, seed: int, **sizes: int
) -> list[Patch]:
    """Generate the scenes of a role.

    Args:
        path: Not read; DVC watches it for changes of the simulator.
        raw: Folder to write the rasters to.
        role: "pretrain" or "labelled".
        seed: Seed of all scenes; the same seed gives the same bytes.
        **sizes: Fields of ``Sizes``.

    Returns:
        The patches, listed from the written files.
    """
    size = Sizes(**sizes)
    if role == "pretrain":
        write_sen12ms(
            raw,
            seed=seed,
            num_places=size.pretrain_places,
            patches_per_place=size.patches_per_place,
            patch_px=size.patch_px,
            workers=size.workers,
        )
        return sen12ms.list_patches(raw, with_labels=False)
    write_dfc2020(
        raw,
        seed=seed,
        num_places={"validation": size.validation_places, "test": size.test_places},
        patches_per_place=size.patches_per_place,
        patch_px=size.patch_px,
        workers=size.workers,
    )
    return dfc2020.list_patches(
        raw, with_labels=True, block_patches=size.patches_per_place
    )
