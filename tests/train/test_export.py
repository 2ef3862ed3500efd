import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.encoder_files import load_encoder, save_encoder
from sentinel_fusion.train.export import (
    Config,
    check_in_fresh_process,
    export_encoders,
)
from sentinel_fusion.train.exported_features import features, load_exported

ENCODERS: dict[str, dict[str, Any]] = {
    "resnet": {"architecture": "resnet10t", "width": 8},
    "swin": {
        "patch_px": 4,
        "embed_dim": 16,
        "depths": (2, 1),
        "num_heads": (1, 2),
        "drop_path": 0.1,
    },
    "vgg": {"width": 4, "num_features": 16},
}
MODULES = {"resnet": [], "swin": [], "vgg": ["sentinel_fusion.models.vgg"]}
LATE: dict[str, Any] = {
    "method": "dual_simclr",
    "method_options": {"projection_dim": 8},
    "loss": "nt_xent",
    "inputs": ("s1", "s2"),
    "bands": {},
    "fusion": "late",
    "size_px": 32,
    "seed": 3,
}
NORMALISATION = Normalisation(
    mean={"s1": [-12.5, -19.25], "s2": [1000.0 + band for band in range(13)]},
    sd={"s1": [4.0, 5.0], "s2": [500.0 + band for band in range(13)]},
)
DATA = {"source": "synthetic", "tiles": 6, "places": 2}
Save = Callable[..., Path]
COLOUR = {"inputs": ("s2",), "fusion": "single", "bands": {"s2": ("B04", "B03", "B02")}}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write an arm of a late fusion, with changes, whose batch norms have seen data."""

    def write(encoder: str = "resnet", **changes: Any) -> Path:  # noqa: ANN401
        given = LATE | {"encoder": encoder, "encoder_options": ENCODERS[encoder]}
        arm = ArmConfig(**given | changes)
        built = build_encoder(arm)
        torch.manual_seed(1)
        images = {s: 2 * torch.randn(4, len(b), 32, 32) for s, b in BANDS.items()}
        built.train()(images)
        folder = tmp_path / "pretrained" / "late"
        folder.mkdir(parents=True)
        save_encoder(folder, built, arm, NORMALISATION)
        return folder

    return write


def exported(folder: Path) -> dict[str, Config]:
    return export_encoders(folder, out_of(folder), data=DATA, licence="MIT")


def out_of(folder: Path) -> Path:
    return folder.parents[1] / "exported"


def both_features(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """Features of an exported encoder and of the arm's own."""
    images = torch.randn(2, {"s1": 2, "s2": 13}[name], 32, 32)
    encoder: FusedEncoder = load_encoder(folder)[0].eval()
    with torch.no_grad():
        expected = encoder.encoders[name](images)
    return features(load_exported(out_of(folder) / name), images), expected


@pytest.mark.parametrize("name", ["s1", "s2"])
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_timm_loads_the_same_features(save: Save, encoder: str, name: str) -> None:
    folder = save(encoder)
    exported(folder)
    got, expected = both_features(folder, name)
    assert torch.allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_timm_leaves_every_tensor_as_it_was(save: Save, encoder: str) -> None:
    folder = save(encoder)
    exported(folder)
    got = load_exported(out_of(folder) / "s2").state_dict()
    expected = load_encoder(folder)[0].encoders["s2"].get_submodule("network")
    assert got.keys() == expected.state_dict().keys()
    assert all(torch.equal(got[k], v) for k, v in expected.state_dict().items())


def test_three_bands_are_not_taken_for_a_photograph(save: Save) -> None:
    folder = save(**COLOUR)
    exported(folder)
    weight = load_exported(out_of(folder) / "s2").state_dict()["conv1.0.weight"]
    network = load_encoder(folder)[0].encoders["s2"].get_submodule("network")
    assert torch.equal(weight, network.state_dict()["conv1.0.weight"])


def test_loading_never_unpickles(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("unpickled")

    folder = save()
    exported(folder)
    (out_of(folder) / "s1" / "pytorch_model.bin").write_bytes(b"a pickle")
    monkeypatch.setattr("torch.load", refuse)
    monkeypatch.setattr("pickle.Unpickler", refuse)
    load_exported(out_of(folder) / "s1")


def test_weights_of_another_shape_are_refused(save: Save) -> None:
    folder = save()
    exported(folder)
    file = out_of(folder) / "s1" / "model.safetensors"
    weights = load_file(file)
    weights["conv1.0.weight"] = weights["conv1.0.weight"][:, :1].contiguous()
    save_file(weights, file)
    with pytest.raises(RuntimeError, match=r"size mismatch for conv1\.0\.weight"):
        load_exported(out_of(folder) / "s1")


def test_a_folder_holds_config_and_weights_only(save: Save) -> None:
    folder = save()
    exported(folder)
    files = {file.name for file in (out_of(folder) / "s1").iterdir()}
    assert files == {"config.json", "model.safetensors"}


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_the_same_arm_gives_the_same_bytes(save: Save, file: str) -> None:
    folder = save()
    exported(folder)
    again = folder.parents[1] / "again"
    export_encoders(folder, again, data=DATA, licence="MIT")
    first = (out_of(folder) / "s1" / file).read_bytes()
    assert (again / "s1" / file).read_bytes() == first


def test_the_config_on_disk_is_the_one_returned(save: Save) -> None:
    folder = save("swin")
    configs = exported(folder)
    text = (out_of(folder) / "s2" / "config.json").read_text()
    assert text == json.dumps(configs["s2"], indent=2) + "\n"


def test_the_config_says_what_timm_needs(save: Save) -> None:
    config = exported(save())["s1"]
    assert config["architecture"] == "resnet10t"
    assert config["num_classes"] == 0
    assert config["num_features"] == 64
    assert config["pretrained_cfg"]["input_size"] == [2, 32, 32]
    assert config["pretrained_cfg"]["mean"] == [-12.5, -19.25]
    assert config["pretrained_cfg"]["std"] == [4.0, 5.0]


def test_the_config_says_where_the_weights_are_from(save: Save) -> None:
    about = exported(save())["s1"]["sentinel_fusion"]
    assert about["arm"] == "late"
    assert about["method"] == "dual_simclr"
    assert about["data"] == DATA


def test_channels_have_bands_units_and_scaling_in_their_order(save: Save) -> None:
    channels = exported(save())["s1"]["sentinel_fusion"]["channels"]
    db = {"sensor": "s1", "unit": "dB"}
    assert channels == [
        {**db, "band": "VV", "mean": -12.5, "sd": 4.0},
        {**db, "band": "VH", "mean": -19.25, "sd": 5.0},
    ]


def test_bands_looked_at_in_part_keep_their_own_scaling(save: Save) -> None:
    channels = exported(save(**COLOUR))["s2"]["sentinel_fusion"]["channels"]
    assert [channel["band"] for channel in channels] == ["B04", "B03", "B02"]
    assert [channel["mean"] for channel in channels] == [1003, 1002, 1001]


def test_early_fusion_is_one_encoder_over_both_sensors(save: Save) -> None:
    configs = exported(save(method="any", fusion="early"))
    channels = configs["stacked"]["sentinel_fusion"]["channels"]
    assert list(configs) == ["stacked"]
    assert [c["band"] for c in channels] == [*BANDS["s1"], *BANDS["s2"]]
    assert configs["stacked"]["pretrained_cfg"]["input_size"] == [15, 32, 32]


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_a_network_of_our_own_names_its_module(save: Save, encoder: str) -> None:
    config = exported(save(encoder))["s1"]
    assert config["sentinel_fusion"]["imports"] == MODULES[encoder]


def test_a_baseline_is_refused(save: Save) -> None:
    folder = save(method="scratch", loss="none")
    with pytest.raises(ValueError, match=r"export\.arms must name pre-trained arms"):
        exported(folder)
    assert not out_of(folder).exists()


@pytest.mark.slow
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_a_fresh_process_computes_the_same(save: Save, encoder: str) -> None:
    folder = save(encoder)
    exported(folder)
    check_in_fresh_process(folder, out_of(folder), seed=0)


@pytest.mark.slow
def test_changed_weights_are_found_out(save: Save) -> None:
    folder = save()
    exported(folder)
    file = out_of(folder) / "s2" / "model.safetensors"
    weights = load_file(file)
    weights["conv1.0.weight"] *= 1.01
    save_file(weights, file)
    with pytest.raises(RuntimeError, match=r"s2 must give .* largest difference of 0"):
        check_in_fresh_process(folder, out_of(folder), seed=0)


@pytest.mark.slow
def test_a_folder_that_does_not_load_is_found_out(save: Save) -> None:
    folder = save()
    exported(folder)
    (out_of(folder) / "s2" / "model.safetensors").unlink()
    with pytest.raises(RuntimeError, match="must load in a fresh process"):
        check_in_fresh_process(folder, out_of(folder), seed=0)
