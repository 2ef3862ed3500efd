import pytest
import torch
from torch import Tensor

from sentinel_fusion.data.augment import (
    Window,
    augment_d4,
    build_augment,
    random_crop,
)
from sentinel_fusion.data.part import Part

SIZE_PX = 4


def _images(batch_size: int = 64) -> dict[str, Tensor]:
    """Each pixel of s1 holds a number of its own, and s2 is s1 + 1000 by band."""
    s1 = torch.arange(batch_size * SIZE_PX**2, dtype=torch.float32)
    s1 = s1.reshape(batch_size, 1, SIZE_PX, SIZE_PX)
    return {"s1": s1, "s2": torch.cat([s1 + 1000, s1 + 2000], dim=1)}


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _symmetries(tile: Tensor) -> list[Tensor]:
    """Rows and columns as they are or reversed, each as it is or transposed."""
    reversals: list[list[int]] = [[], [1], [2], [1, 2]]
    turned = [tile.flip(dims) for dims in reversals]
    return turned + [tile.transpose(1, 2) for tile in turned]


def _which_symmetry(before: Tensor, after: Tensor) -> int:
    (number,) = [
        n for n, tile in enumerate(_symmetries(before)) if torch.equal(tile, after)
    ]
    return number


def test_every_tile_becomes_one_of_its_8_symmetries_and_all_occur() -> None:
    images = _images()
    moved = augment_d4(images, _generator())
    pairs = zip(images["s1"], moved["s1"], strict=True)
    assert {_which_symmetry(before, after) for before, after in pairs} == set(range(8))


def test_both_sensors_of_a_tile_are_moved_in_the_same_way() -> None:
    moved = augment_d4(_images(), _generator())
    torch.testing.assert_close(moved["s2"][:, :1], moved["s1"] + 1000)
    torch.testing.assert_close(moved["s2"][:, 1:], moved["s1"] + 2000)


def test_given_images_are_left_as_they_were() -> None:
    images = _images()
    augment_d4(images, _generator())
    assert torch.equal(images["s1"], _images()["s1"])


def test_images_stay_channels_last() -> None:
    images = {"s2": _images()["s2"].contiguous(memory_format=torch.channels_last)}
    moved = augment_d4(images, _generator())["s2"]
    assert moved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ["d4", "d4_crop"])
def test_same_generator_seed_gives_the_same_images(name: str) -> None:
    augment = build_augment(name, crop_px=2)
    one, two = (augment(_images(), _generator(3))["s2"] for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize("name", ["d4", "d4_crop"])
def test_other_generator_seed_gives_other_images(name: str) -> None:
    augment = build_augment(name, crop_px=2)
    one, two = (augment(_images(), _generator(seed))["s2"] for seed in (3, 4))
    assert not torch.equal(one, two)


def test_crop_is_the_same_window_of_both_sensors() -> None:
    cropped = random_crop(_images(), 3, _generator())
    assert cropped["s1"].shape == (64, 1, 3, 3)
    torch.testing.assert_close(cropped["s2"][:, :1], cropped["s1"] + 1000)


def test_crop_reaches_every_window() -> None:
    generator = _generator()
    images = {"s1": _images(1)["s1"]}
    corners = {
        int(random_crop(images, 3, generator)["s1"][0, 0, 0, 0]) for _ in range(50)
    }
    assert corners == {0, 1, SIZE_PX, SIZE_PX + 1}


def test_crop_is_one_piece_of_the_image() -> None:
    images = _images(1)
    window = random_crop(images, 2, _generator())["s1"][0, 0]
    first = int(window[0, 0])
    expected = [[first, first + 1], [first + SIZE_PX, first + SIZE_PX + 1]]
    assert window.tolist() == expected


def test_crop_of_the_whole_size_changes_nothing() -> None:
    cropped = random_crop(_images(), SIZE_PX, _generator())
    assert torch.equal(cropped["s2"], _images()["s2"])


def test_crop_larger_than_the_images_is_refused() -> None:
    with pytest.raises(ValueError, match="crop_px must be <= the tile size 4, got 5"):
        random_crop(_images(), 5, _generator())


def test_none_changes_nothing() -> None:
    images = _images()
    assert build_augment("none", crop_px=None)(images, _generator()) is images


def test_d4_is_the_symmetries_alone() -> None:
    augment = build_augment("d4", crop_px=None)
    expected = augment_d4(_images(), _generator())
    assert torch.equal(augment(_images(), _generator())["s1"], expected["s1"])


def test_crop_alone_turns_nothing() -> None:
    moved = build_augment("crop", crop_px=2)(_images(), _generator())
    expected = random_crop(_images(), 2, _generator())
    assert torch.equal(moved["s2"], expected["s2"])


def test_d4_crop_cuts_and_turns() -> None:
    moved = build_augment("d4_crop", crop_px=2)(_images(), _generator())
    assert moved["s1"].shape == (64, 1, 2, 2)
    torch.testing.assert_close(moved["s2"][:, :1], moved["s1"] + 1000)


@pytest.mark.parametrize(
    ("name", "crop_px"), [("flip", 2), ("crop", None), ("d4_crop", None)]
)
def test_unknown_name_or_missing_size_is_refused(
    name: str, crop_px: int | None
) -> None:
    with pytest.raises(
        ValueError, match=f"none, d4, or crop .* '{name}' with {crop_px}"
    ):
        build_augment(name, crop_px)


def test_a_window_names_its_rows_and_columns() -> None:
    window = Window(top=1, left=2, size_px=3)
    assert (window.rows, window.cols) == (slice(1, 4), slice(2, 5))


@pytest.mark.parametrize("name", ["d4", "crop", "d4_crop"])
def test_parts_of_a_batch_are_moved_as_the_whole_is(name: str) -> None:
    images = _images(8)
    whole = build_augment(name, 3)(images, _generator())
    parts = [Part(number, 2) for number in range(2)]
    moved = [
        build_augment(name, 3, part)(
            {sensor: part.cut(x) for sensor, x in images.items()}, _generator()
        )
        for part in parts
    ]
    for sensor, x in whole.items():
        assert torch.equal(torch.cat([part[sensor] for part in moved]), x)
