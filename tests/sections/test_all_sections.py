from pathlib import Path

import pytest
from tests.changed_params import ARM, LIVE, load_changed

from sentinel_fusion.params import load_params
from sentinel_fusion.train.arms import ArmConfig

pytestmark = pytest.mark.usefixtures("in_repository")


def test_an_arm_s_settings_hold_its_own_options() -> None:
    params = load_params(LIVE)
    name = params.finetune.arm
    settings = params.arm_settings(name)
    assert settings["method"] == params.arms[name].method
    assert settings["method_options"] == params.methods[settings["method"]]
    assert settings["encoder_options"] == params.encoders[settings["encoder"]]


def test_an_arm_s_options_override_those_of_its_method(tmp_path: Path) -> None:
    arm = {**ARM, "method": "dual_simclr", "method_options": {"temperature": 0.3}}
    params = load_changed(tmp_path, {"arms.mine": arm})
    options = params.arm_settings("mine")["method_options"]
    assert options == {**params.methods["dual_simclr"], "temperature": 0.3}


def test_an_arm_s_settings_are_what_an_arm_is_built_from() -> None:
    params = load_params(LIVE)
    config = ArmConfig(**params.arm_settings("simclr_rgb"))
    assert config.bands == {"s2": ("B04", "B03", "B02")}
    assert (config.size_px, config.seed) == (params.tile.size_px, params.seed)


def test_an_arm_is_pre_trained_by_the_section_with_its_own_values(
    tmp_path: Path,
) -> None:
    arm = {**ARM, "pretrain": {"epochs": 3, "augment": "d4"}}
    params = load_changed(tmp_path, {"arms.mine": arm})
    expected = params.pretrain.model_copy(update={"epochs": 3, "augment": "d4"})
    assert params.pretrain_settings("mine") == expected


def test_an_arm_without_values_of_its_own_is_pre_trained_by_the_section() -> None:
    params = load_params(LIVE)
    assert params.pretrain_settings("dual_simclr") == params.pretrain


def test_only_scenes_are_cut_into_blocks(tmp_path: Path) -> None:
    changes = {"download.folder.block_px": 512, "sources.pretrain.source": "folder"}
    params = load_changed(tmp_path, changes)
    assert (params.block_px("pretrain"), params.block_px("labelled")) == (512, 0)
