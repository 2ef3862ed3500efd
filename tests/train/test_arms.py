import re
from dataclasses import replace

import pytest
import torch

from sentinel_fusion.train.arms import ArmConfig, build_encoder, build_method, trains


def test_a_method_starts_from_the_arms_seeded_encoder(arm: ArmConfig) -> None:
    method = build_method(arm).state_dict()
    encoder = build_encoder(arm).state_dict()
    assert all(
        torch.equal(method[f"encoder.{name}"], encoder[name]) for name in encoder
    )


def test_heads_are_repeatable_by_seed(arm: ArmConfig) -> None:
    first, second = (build_method(arm).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("method", "expected"), [("dual_simclr", True), ("scratch", False)]
)
def test_only_a_pre_training_method_trains(
    arm: ArmConfig, method: str, expected: bool
) -> None:
    assert trains(replace(arm, method=method)) is expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method_options": {}}, "missing key methods.dual_simclr.negatives"),
        ({"encoder_options": {"depth": 3}}, "missing key encoders.resnet.architecture"),
        (
            {"encoder_options": {"architecture": "resnet18", "width": 8, "depth": 3}},
            "unknown key encoders.resnet.depth; valid keys there: architecture, width",
        ),
    ],
)
def test_wrong_options_are_refused(
    arm: ArmConfig, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_method(replace(arm, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("section", "option", "value", "message"),
    [
        ("method_options", "temperature", 0, "temperature must be > 0, got 0"),
        ("method_options", "temperature", "hot", "temperature must be a number"),
        ("method_options", "negatives", "bth", "negatives must be one of both, other"),
        ("method_options", "projection_dim", 0, "projection_dim must be >= 1, got 0"),
        ("method_options", "projection_dim", True, "must be a whole number, got True"),
        ("encoder_options", "width", 1, "encoders.resnet.width must be >= 8, got 1"),
        ("encoder_options", "width", "wide", "encoders.resnet.width must be a whole"),
    ],
)
def test_options_out_of_range_are_refused(
    arm: ArmConfig, section: str, option: str, value: object, message: str
) -> None:
    options = {**getattr(arm, section), option: value}
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        build_method(replace(arm, **{section: options}))  # type: ignore[arg-type]
