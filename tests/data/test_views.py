import pytest
import torch
from kornia import augmentation
from torch import Tensor

from sentinel_fusion.data.part import WHOLE, Part
from sentinel_fusion.data.views import RandomViews, blur_kernel, jitter_bands

SIZE_PX = 16


def _views(
    kind: str, min_crop_share: float = 0.2, jitter_strength: float = 0.5
) -> RandomViews:
    return RandomViews(
        kind=kind, min_crop_share=min_crop_share, jitter_strength=jitter_strength
    )


def _images(bands: int, batch_size: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch_size, bands, SIZE_PX, SIZE_PX, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def _draw(
    views: RandomViews, images: Tensor, seed: int = 0, part: Part = WHOLE
) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return views.draw(images, part)


def _jitter(images: Tensor, strength: float = 1.0) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return jitter_bands(images, strength=strength)


def _views_by_layers(kind: str, images: Tensor) -> Tensor:
    """The same views, each step a layer of kornia that takes the whole batch."""
    height, width = images.shape[2:]
    kernel = blur_kernel(min(height, width))
    images = augmentation.RandomResizedCrop(
        (height, width), scale=(0.2, 1.0), align_corners=False
    )(images)
    images = augmentation.RandomHorizontalFlip(p=0.5)(images)
    images = augmentation.RandomVerticalFlip(p=0.5)(images)
    if kind == "colour":
        images = augmentation.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8)(images)
        images = augmentation.RandomGrayscale(p=0.2)(images)
    else:
        images = jitter_bands(images, strength=0.5)
    blur = augmentation.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5)
    blurred: Tensor = blur(images)
    return blurred


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
@pytest.mark.parametrize("shape", [(32, 32), (16, 12), (96, 96)])
def test_views_are_those_of_the_layers_of_kornia(
    kind: str, bands: int, shape: tuple[int, int]
) -> None:
    images = torch.rand(12, bands, *shape, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = _views_by_layers(kind, images)
    view = _draw(_views(kind), images)
    torch.testing.assert_close(view, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_parts_of_a_batch_get_the_views_of_the_whole(kind: str, bands: int) -> None:
    views, images = _views(kind), _images(bands)
    parts = [Part(number, 4) for number in range(4)]
    drawn = [_draw(views, part.cut(images), part=part) for part in parts]
    torch.testing.assert_close(
        torch.cat(drawn), _draw(views, images), rtol=0, atol=1e-5
    )


def test_one_image_alone_is_drawn_too() -> None:
    view = _draw(_views("colour"), _images(3, batch_size=1))
    assert view.shape == (1, 3, SIZE_PX, SIZE_PX)


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_same_global_seed_gives_the_same_views(kind: str, bands: int) -> None:
    views, images = _views(kind), _images(bands)
    assert torch.equal(_draw(views, images), _draw(views, images))


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_two_draws_of_an_image_differ(kind: str, bands: int) -> None:
    views, images = _views(kind), _images(bands)
    differs = (_draw(views, images, 0) != _draw(views, images, 1)).flatten(1).any(1)
    assert differs.all()


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_images_of_a_batch_get_draws_of_their_own(kind: str, bands: int) -> None:
    images = _images(bands, batch_size=1).repeat(8, 1, 1, 1)
    view = _draw(_views(kind), images)
    assert len(torch.unique(view, dim=0)) == len(images)


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_views_of_bright_surfaces_stay_within_0_and_1(kind: str, bands: int) -> None:
    view = _draw(_views(kind, jitter_strength=1.0), 3 * _images(bands) - 0.5)
    assert view.min() >= 0
    assert view.max() <= 1


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_pixels_brighter_than_1_count_as_1(kind: str, bands: int) -> None:
    views, images = _views(kind), 3 * _images(bands)
    assert torch.equal(_draw(views, images), _draw(views, images.clamp(max=1)))


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 13)])
def test_views_keep_shape_and_channels_last(kind: str, bands: int) -> None:
    view = _draw(_views(kind), _images(bands)[:, :, :12])
    assert view.shape == (8, bands, 12, SIZE_PX)
    assert view.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_memory_layout_does_not_change_the_views(kind: str, bands: int) -> None:
    views, images = _views(kind), _images(bands)
    torch.testing.assert_close(
        _draw(views, images), _draw(views, images.contiguous()), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_autocast_does_not_change_the_views(kind: str, bands: int) -> None:
    views, images = _views(kind), _images(bands)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        view = _draw(views, images)
    assert torch.equal(view, _draw(views, images))


@pytest.mark.parametrize(("kind", "bands"), [("colour", 3), ("bands", 5)])
def test_grey_without_structure_stays_as_it_is_at_strength_0(
    kind: str, bands: int
) -> None:
    grey = torch.full((8, bands, SIZE_PX, SIZE_PX), 0.3)
    view = _draw(_views(kind, jitter_strength=0.0), grey)
    torch.testing.assert_close(view, grey, rtol=0, atol=1e-5)


def test_crop_of_the_whole_image_keeps_its_corners() -> None:
    images = torch.zeros(8, 1, SIZE_PX, SIZE_PX)
    images[..., 0, 0] = 1  # to be found at some corner after flips and blur
    view = _draw(_views("bands", min_crop_share=1.0, jitter_strength=0.0), images)
    corners = view[:, 0, :: SIZE_PX - 1, :: SIZE_PX - 1]
    assert (corners.amax((1, 2)) == view.amax((1, 2, 3))).all()
    assert (view.amax((1, 2, 3)) > 0.1).all()


def test_small_crops_lose_most_corners() -> None:
    images = torch.zeros(32, 1, SIZE_PX, SIZE_PX)
    images[..., 0, 0] = 1
    view = _draw(_views("bands", min_crop_share=0.1, jitter_strength=0.0), images)
    assert (view.amax((1, 2, 3)) > 0.1).float().mean() < 0.5


def test_some_colour_views_are_grey_and_others_not() -> None:
    view = _draw(_views("colour"), _images(3, batch_size=32))
    spread = (view.amax(1) - view.amin(1)).flatten(1).amax(1)
    assert 0 < (spread < 1e-5).sum() < 16


def test_colour_views_of_13_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bands in the order B04, B03, B02, got 13"):
        _views("colour").draw(_images(13))


def test_jitter_changes_every_band_of_every_image_by_itself() -> None:
    images = torch.full((8, 5, 1, 1), 0.3)
    jittered = _jitter(images).squeeze()
    changed = jittered[(jittered != 0.3).any(dim=1)].flatten()
    assert len(torch.unique(changed)) == len(changed) > 5


def test_jitter_leaves_about_a_fifth_of_the_images_alone() -> None:
    images = 0.1 + 0.2 * _images(2, batch_size=500)
    same = (_jitter(images) - images).abs().flatten(1).amax(1) < 1e-6
    assert same.float().mean() == pytest.approx(0.2, abs=0.05)


def test_jitter_keeps_a_band_proportional_to_its_reflectance() -> None:
    images = 0.1 + 0.2 * _images(4)
    dim = _jitter(images / 100, strength=0.5)
    torch.testing.assert_close(dim, _jitter(images, strength=0.5) / 100)


def test_jitter_moves_brightness_and_offset_no_further_than_its_limits() -> None:
    flat = torch.full((2000, 3, 1, 1), 0.1)  # no structure for the gain to act on
    ratio = _jitter(flat) / flat
    assert ratio.min() == pytest.approx((1 - 0.8) * (1 - 0.2), abs=0.03)
    assert ratio.max() == pytest.approx((1 + 0.8) * (1 + 0.2), abs=0.03)


def test_jitter_widens_some_bands_of_an_image_and_narrows_others() -> None:
    images = 0.1 + 0.1 * _images(30, batch_size=8)
    before, after = (x.std((2, 3)) / x.mean((2, 3)) for x in (images, _jitter(images)))
    ratio = (after / before)[(after - before).abs().amax(1) > 0.01]
    assert ratio.amin(1).max() < 0.5
    assert ratio.amax(1).min() > 1.5


def test_jitter_of_strength_0_changes_nothing() -> None:
    torch.testing.assert_close(_jitter(_images(4), strength=0.0), _images(4))


@pytest.mark.parametrize(
    ("edge_px", "kernel"), [(8, 3), (32, 3), (64, 7), (128, 13), (256, 25)]
)
def test_blur_kernel_is_an_odd_tenth_of_the_edge(edge_px: int, kernel: int) -> None:
    assert blur_kernel(edge_px) == kernel


def test_unknown_kind_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="one of colour, bands, got 'grey'"):
        _views("grey")


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_crop_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"share must be > 0 and <= 1, got {share}"):
        _views("bands", min_crop_share=share)


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_jitter_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=f"must be >= 0 and <= 1, got {strength}"):
        _views("bands", jitter_strength=strength)
