import pytest
import torch
from tests.builders import open_residual_branches
from torch import Tensor

from sentinel_fusion.losses.nt_xent import nt_xent
from sentinel_fusion.methods.dual_simclr import DualSimCLR, build
from sentinel_fusion.train.arms import ArmConfig, build_encoder


def _config(inputs: tuple[str, ...] = ("s1", "s2"), fusion: str = "late") -> ArmConfig:
    return ArmConfig(
        method="dual_simclr",
        method_options={},
        loss="nt_xent",
        encoder="resnet",
        encoder_options={"architecture": "resnet10t", "width": 16},
        inputs=inputs,
        bands={},
        fusion=fusion,
        size_px=32,
        seed=0,
    )


def _method(temperature: float = 0.1, negatives: str = "both") -> DualSimCLR:
    return build(
        build_encoder(_config()),
        projection_dim=8,
        temperature=temperature,
        negatives=negatives,
    )


def _images() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "s1": torch.randn(6, 2, 32, 32, generator=generator),
        "s2": torch.randn(6, 13, 32, 32, generator=generator),
    }


@pytest.mark.parametrize("negatives", ["both", "other"])
def test_loss_is_nt_xent_of_the_two_sensors_projections(negatives: str) -> None:
    method = _method(0.2, negatives).eval()
    z1, z2 = method.project(_images())
    expected = nt_xent(z1, z2, temperature=0.2, negatives=negatives)
    torch.testing.assert_close(method.training_loss(_images()), expected)


def test_projections_have_the_asked_width() -> None:
    z1, z2 = _method().project(_images())
    assert z1.shape == z2.shape == (6, 8)


def test_gradients_reach_both_encoders_and_heads() -> None:
    method = _method()
    open_residual_branches(method)
    method.training_loss(_images()).backward()
    assert all(p.grad is not None and p.grad.any() for p in method.parameters())


def test_each_sensor_has_weights_of_its_own() -> None:
    method = _method()
    pointers = [p.data_ptr() for p in method.parameters()]
    assert len(pointers) == len(set(pointers))


@pytest.mark.parametrize(
    ("inputs", "fusion"), [(("s1",), "single"), (("s1", "s2"), "early")]
)
def test_an_arm_without_two_encoders_is_refused(
    inputs: tuple[str, ...], fusion: str
) -> None:
    encoder = build_encoder(_config(inputs, fusion))
    with pytest.raises(ValueError, match="needs an arm with inputs s1, s2 and fusion"):
        build(encoder, projection_dim=8, temperature=0.1, negatives="both")
