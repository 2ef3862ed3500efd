import re
from dataclasses import replace

import pytest
import torch
from tests.builders import unit_normalisation
from torch import nn

from sentinel_fusion.bands import BANDS
from sentinel_fusion.methods import dual_simclr
from sentinel_fusion.train.arms import (
    ArmConfig,
    Options,
    build_decoder,
    build_encoder,
    build_method,
    trains,
)

NORMALISATION = unit_normalisation()
SWIN = {
    "patch_px": 2,
    "embed_dim": 8,
    "depths": [1, 1],
    "num_heads": [1, 2],
    "drop_path": 0.1,
}
UNET = {"width": 4}
SIMCLR = {
    "projection_dim": 8,
    "temperature": 0.1,
    "negatives": "both",
    "views": "bands",
    "min_crop_share": 0.2,
    "jitter_strength": 0.5,
}


def _build(arm: ArmConfig) -> nn.Module:
    return build_method(arm, NORMALISATION)


def _decoder(arm: ArmConfig, options: Options, seed: int = 0) -> nn.Module:
    encoder = build_encoder(arm)
    return build_decoder("unet", options, encoder, num_classes=3, seed=seed)


def _swin(arm: ArmConfig, **options: object) -> ArmConfig:
    return replace(arm, encoder="swin", encoder_options={**SWIN, **options})


def test_a_method_starts_from_the_arms_seeded_encoder(arm: ArmConfig) -> None:
    method = _build(arm).state_dict()
    encoder = build_encoder(arm).state_dict()
    assert all(
        torch.equal(method[f"encoder.{name}"], encoder[name]) for name in encoder
    )


def test_heads_are_repeatable_by_seed(arm: ArmConfig) -> None:
    first, second = (_build(arm).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_building_a_method_leaves_torchs_random_state_alone(arm: ArmConfig) -> None:
    before = torch.get_rng_state()
    _build(arm)
    assert torch.equal(before, torch.get_rng_state())


def test_a_method_that_scales_images_back_is_given_the_scaling(arm: ArmConfig) -> None:
    simclr = {"method": "simclr", "method_options": SIMCLR, "inputs": ("s2",)}
    method = _build(replace(arm, fusion="single", **simclr))  # type: ignore[arg-type]
    in_reflectance = [sd / 10_000 for sd in NORMALISATION.sd["s2"]]
    assert method.get_buffer("sd").flatten().tolist() == pytest.approx(in_reflectance)


def test_an_encoder_for_one_size_is_given_the_tile_size(arm: ArmConfig) -> None:
    encoder = build_encoder(_swin(replace(arm, size_px=16)))
    assert encoder.encoders["s1"].model_args["img_size"] == 16  # type: ignore[index]


def test_bands_limit_what_the_encoder_looks_at(arm: ArmConfig) -> None:
    encoder = build_encoder(replace(arm, bands={"s2": ("B04", "B03", "B02")}))
    channels = {name: e.model_args["in_chans"] for name, e in encoder.encoders.items()}  # type: ignore[index]
    assert channels == {"s1": 2, "s2": 3}


def test_early_fusion_stacks_the_chosen_bands(arm: ArmConfig) -> None:
    early = replace(arm, fusion="early", bands={"s1": ("VH",), "s2": ("B08", "B04")})
    images = {s: torch.randn(2, len(names), 8, 8) for s, names in BANDS.items()}
    stacked = build_encoder(early).views(images)["stacked"]
    expected = [images["s1"][:, 1], images["s2"][:, 7], images["s2"][:, 3]]
    assert torch.equal(stacked, torch.stack(expected, dim=1))


@pytest.mark.parametrize(
    ("method", "expected"),
    [("dual_simclr", True), ("simclr", True), ("scratch", False)],
)
def test_only_a_pre_training_method_trains(
    arm: ArmConfig, method: str, expected: bool
) -> None:
    assert trains(replace(arm, method=method)) is expected


@pytest.mark.parametrize(
    ("method", "loss", "message"),
    [
        (
            "dual_simclr",
            "none",
            "must be nt_xent for method dual_simclr, got none",
        ),
        ("scratch", "nt_xent", "must be none for method scratch, got nt_xent"),
    ],
)
def test_another_loss_than_the_methods_is_refused(
    arm: ArmConfig, method: str, loss: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"loss {message}"):
        _build(replace(arm, method=method, loss=loss))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method_options": {}}, "missing key methods.dual_simclr.negatives"),
        ({"encoder_options": {"depth": 3}}, "missing key encoders.resnet.architecture"),
        (
            {"encoder_options": {"architecture": "resnet18", "width": 8, "depth": 3}},
            "unknown key encoders.resnet.depth; valid keys there: architecture, width",
        ),
        (
            {"encoder": "swin", "encoder_options": {**SWIN, "size_px": 8}},
            "unknown key encoders.swin.size_px; valid keys there: depths, drop_path, ",
        ),
    ],
)
def test_wrong_options_are_refused(
    arm: ArmConfig, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _build(replace(arm, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("section", "option", "value", "message"),
    [
        ("method_options", "temperature", 0, "temperature must be > 0, got 0"),
        ("method_options", "temperature", "hot", "temperature must be a number"),
        ("method_options", "negatives", "bth", "negatives must be one of both, other"),
        ("method_options", "projection_dim", 0, "projection_dim must be >= 1, got 0"),
        ("method_options", "projection_dim", True, "must be a whole number, got True"),
        ("method_options", "projection_dim", [8], "must be a whole number, got [8]"),
        ("encoder_options", "width", 1, "encoders.resnet.width must be >= 8, got 1"),
        ("encoder_options", "width", "wide", "encoders.resnet.width must be a whole"),
    ],
)
def test_options_out_of_range_are_refused(
    arm: ArmConfig, section: str, option: str, value: object, message: str
) -> None:
    options = {**getattr(arm, section), option: value}
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        _build(replace(arm, **{section: options}))  # type: ignore[arg-type]


@pytest.mark.parametrize("annotation", [bool, tuple[str, ...], float | None])
def test_an_option_of_a_kind_that_cannot_be_checked_is_refused(
    annotation: object, arm: ArmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dual_simclr.build.__annotations__, "temperature", annotation)
    message = (
        "methods.dual_simclr.temperature must be annotated in "
        "sentinel_fusion.methods.dual_simclr with one of int, float, str, "
        "tuple[int, ...], got "
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        _build(arm)


@pytest.mark.parametrize("depths", [[1, 2], (1, 2)])
def test_a_list_of_whole_numbers_is_accepted(arm: ArmConfig, depths: object) -> None:
    encoder = build_encoder(_swin(arm, depths=depths))
    assert encoder.encoders["s1"].model_args["depths"] == [1, 2]  # type: ignore[index]


@pytest.mark.parametrize("depths", [2, "1, 1", [1, 1.0], [1, True], [1, "1"]])
def test_anything_else_for_a_list_is_refused(arm: ArmConfig, depths: object) -> None:
    message = f"encoders.swin.depths must be a list of whole numbers, got {depths!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        build_encoder(_swin(arm, depths=depths))


def test_a_decoder_turns_an_arms_maps_into_class_scores(arm: ArmConfig) -> None:
    encoder, decoder = build_encoder(arm), _decoder(arm, UNET)
    images = {s: torch.randn(2, len(names), 8, 8) for s, names in BANDS.items()}
    assert decoder(encoder.feature_maps(images)).shape == (2, 3, 8, 8)


def test_a_decoder_is_repeatable_by_seed(arm: ArmConfig) -> None:
    first, again = (_decoder(arm, UNET, seed=4).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_another_seed_gives_another_decoder(arm: ArmConfig) -> None:
    first, other = (_decoder(arm, UNET, seed).state_dict() for seed in (4, 5))
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_building_a_decoder_leaves_torchs_random_state_alone(arm: ArmConfig) -> None:
    before = torch.get_rng_state()
    _decoder(arm, UNET)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "missing key decoders.unet.width; valid keys there: width"),
        (
            {"width": 4, "num_classes": 3},
            "unknown key decoders.unet.num_classes; valid keys there: width",
        ),
        ({"width": 4, "depth": 2}, "unknown key decoders.unet.depth; valid keys"),
    ],
)
def test_wrong_options_of_a_decoder_are_refused(
    arm: ArmConfig, options: Options, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _decoder(arm, options)
