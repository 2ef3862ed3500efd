import pytest
import torch
from tests.builders import open_residual_branches
from torch import Tensor

from sentinel_fusion.bands import BANDS, band_indices
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.data.views import RandomViews
from sentinel_fusion.losses.nt_xent import nt_xent
from sentinel_fusion.methods.simclr import SimCLR, build
from sentinel_fusion.models import resnet
from sentinel_fusion.models.fusion import FusedEncoder, build_fused

RGB = ("B04", "B03", "B02")
NORMALISATION = Normalisation(
    mean={"s1": [-14.0, -21.0], "s2": [1000.0 + 100 * band for band in range(13)]},
    sd={"s1": [4.0, 6.0], "s2": [300.0 + 10 * band for band in range(13)]},
)


def _encoder(
    bands: tuple[str, ...] = RGB,
    inputs: tuple[str, ...] = ("s2",),
    fusion: str = "single",
) -> FusedEncoder:
    return build_fused(
        lambda channels: resnet.build(
            in_channels=channels, architecture="resnet10t", width=16
        ),
        inputs=inputs,
        bands={"s2": bands},
        fusion=fusion,
        seed=0,
    )


def _method(
    encoder: FusedEncoder | None = None,
    views: str = "colour",
    projection_dim: int = 8,
    temperature: float = 0.2,
) -> SimCLR:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(
            encoder or _encoder(),
            normalisation=NORMALISATION,
            projection_dim=projection_dim,
            temperature=temperature,
            negatives="both",
            views=views,
            min_crop_share=0.2,
            jitter_strength=0.5,
        )


def _images() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(6, 13, 32, 32, generator=generator)
    return {"s2": images.contiguous(memory_format=torch.channels_last)}


def _loss(method: SimCLR, seed: int = 0) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return method.training_loss(_images())


@pytest.mark.parametrize(("views", "bands"), [("colour", RGB), ("bands", BANDS["s2"])])
def test_loss_is_nt_xent_of_views_drawn_from_reflectance(
    views: str, bands: tuple[str, ...]
) -> None:
    method = _method(_encoder(bands), views).eval()
    index = band_indices("s2", bands)
    mean = torch.tensor(NORMALISATION.mean["s2"])[index, None, None]
    sd = torch.tensor(NORMALISATION.sd["s2"])[index, None, None]
    reflectance = (_images()["s2"][:, index] * sd + mean) / 10_000
    drawing = RandomViews(kind=views, min_crop_share=0.2, jitter_strength=0.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x1, x2 = (drawing.draw(reflectance) * 10_000 for _ in range(2))
    z1, z2 = (
        method.head(method.encoder.encoders["s2"]((x - mean) / sd)) for x in (x1, x2)
    )
    expected = nt_xent(z1, z2, temperature=0.2, negatives="both")
    torch.testing.assert_close(_loss(method), expected, rtol=1e-4, atol=1e-5)


def test_same_global_seed_gives_the_same_loss() -> None:
    assert torch.equal(_loss(_method()), _loss(_method()))


def test_another_global_seed_gives_another_loss() -> None:
    method = _method()
    assert not torch.equal(_loss(method, 0), _loss(method, 1))


def test_projections_are_those_of_two_different_views() -> None:
    z1, z2 = _method().eval().project(_images())
    assert z1.shape == z2.shape == (6, 8)
    assert (z1 != z2).any(dim=1).all()


def test_projections_are_the_same_whatever_the_global_seed() -> None:
    method = _method().eval()
    z1, _ = method.project(_images())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        assert torch.equal(method.project(_images())[0], z1)


def test_projecting_leaves_the_global_state_as_it_was() -> None:
    method = _method().eval()
    before = torch.random.get_rng_state()
    method.project(_images())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_gradients_reach_encoder_and_head() -> None:
    method = _method()
    open_residual_branches(method)
    _loss(method).backward()
    assert all(p.grad is not None and p.grad.any() for p in method.parameters())


def test_gradient_steps_lower_the_loss_of_the_same_views() -> None:
    method = _method()
    optimizer = torch.optim.SGD(method.parameters(), lr=0.05)
    losses = []
    for _ in range(5):
        loss = _loss(method)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1


def test_scaling_is_no_part_of_the_state() -> None:
    assert not {"mean", "sd"} & set(_method().state_dict())


def test_scaling_moves_with_the_method() -> None:
    method = _method().to("meta")
    assert method.mean.is_meta
    assert method.sd.is_meta


@pytest.mark.parametrize("inputs", [("s1",), ("s1", "s2")])
def test_an_arm_that_is_not_sentinel_2_alone_is_refused(
    inputs: tuple[str, ...],
) -> None:
    encoder = _encoder(inputs=inputs, fusion="late")
    with pytest.raises(ValueError, match="needs an arm with inputs s2 and fusion sing"):
        _method(encoder)


def test_early_fusion_is_refused() -> None:
    with pytest.raises(ValueError, match="got encoders stacked over s1, s2"):
        _method(_encoder(inputs=("s1", "s2"), fusion="early"))


@pytest.mark.parametrize("bands", [BANDS["s2"], ("B02", "B03", "B04")])
def test_colour_views_of_other_bands_are_refused(bands: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"set arms\.<arm>\.bands\.s2 to \[B04, B03"):
        _method(_encoder(bands))


def test_unknown_views_are_refused() -> None:
    with pytest.raises(ValueError, match="views must be one of colour, bands"):
        _method(views="pairs")


def test_projection_without_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="projection_dim must be >= 1, got 0"):
        _method(projection_dim=0)


def test_temperature_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be > 0, got 0"):
        _method(temperature=0)
