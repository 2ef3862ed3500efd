from pathlib import Path

import pytest
from stages.arm_roles import from_scratch, pretrained, twins, with_pretraining

from sentinel_fusion.params import Params, load_params

PARAMS: Params = load_params(Path(__file__).parents[2] / "params.yaml")


def test_every_arm_is_either_pre_trained_or_from_scratch() -> None:
    assert pretrained(PARAMS) | from_scratch(PARAMS) == set(PARAMS.arms)
    assert not pretrained(PARAMS) & from_scratch(PARAMS)


@pytest.mark.parametrize(
    ("arm", "twin"),
    [
        ("dual_simclr", "late"),
        ("mma", "vgg_late"),
        ("simclr", "s2"),
        ("simclr_rgb", "s2_rgb"),
        ("swin_dual_simclr", "swin_late"),
    ],
)
def test_a_twin_has_the_same_encoder_inputs_fusion_and_bands(
    arm: str, twin: str
) -> None:
    assert twins(PARAMS)[arm] == twin


def test_arms_from_scratch_have_no_twin() -> None:
    assert set(twins(PARAMS)) == pretrained(PARAMS)


@pytest.mark.parametrize(
    ("members", "is_pretrained"),
    [(("early", "late"), False), (("early", "mma"), True)],
)
def test_an_ensemble_is_pre_trained_where_a_member_is(
    members: tuple[str, ...], is_pretrained: bool
) -> None:
    params = PARAMS.model_copy(update={"ensembles": {"both": members}})
    both = {"both"} if is_pretrained else set()
    assert with_pretraining(params) == pretrained(PARAMS) | both
