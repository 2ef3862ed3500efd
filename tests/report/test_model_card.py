import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.model_card import OUR_KEY, model_card
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.encoder_files import save_encoder
from sentinel_fusion.train.export import Config, export_encoders

HEADLINES = {
    "single_label": ("aa", "average accuracy (AA)"),
    "segmentation": ("miou", "mean IoU"),
}
BUDGET = {"epochs": 20, "learning_rate": 0.001}
SCORES = pd.DataFrame(
    [
        (arm, task, frac, use, seed, metric, value + 0.1 * seed)
        for arm, task, frac, use, metric, value in (
            ("dual", "single_label", 0.1, "finetuned", "aa", 0.5),
            ("dual", "single_label", 1.0, "finetuned", "aa", 0.7),
            ("dual", "single_label", 0.1, "frozen", "aa", 0.4),
            ("dual", "single_label", 1.0, "frozen", "aa", 0.6),
            ("dual", "single_label", 1.0, "finetuned", "oa", 0.8),
            ("late", "single_label", 1.0, "finetuned", "aa", 0.9),
        )
        for seed in (0, 1)
    ],
    columns=["arm", "task", "label_frac", "use", "seed", "metric", "value"],
)
ARM: dict[str, Any] = {
    "method": "dual_simclr",
    "method_options": {"temperature": 0.07},
    "loss": "nt_xent",
    "encoder": "resnet",
    "encoder_options": {"architecture": "resnet10t", "width": 8},
    "inputs": ("s1", "s2"),
    "bands": {"s2": ("B08", "B04")},
    "fusion": "late",
    "size_px": 32,
    "seed": 0,
}


@pytest.fixture
def configs(tmp_path: Path) -> dict[str, Config]:
    return export(tmp_path)


def export(folder: Path, **changes: Any) -> dict[str, Config]:  # noqa: ANN401
    arm = ArmConfig(**ARM | changes)
    scale = {"s1": [1.5] * 2, "s2": [float(band) + 1 for band in range(13)]}
    pretrained = folder / "dual"
    pretrained.mkdir()
    save_encoder(pretrained, build_encoder(arm), arm, Normalisation(scale, scale))
    data = {"source": "synthetic", "tiles": 6912, "places": 480}
    return export_encoders(pretrained, folder / "out", data=data, licence="CC-BY-4.0")


def card(configs: dict[str, Config], **changes: Any) -> str:  # noqa: ANN401
    given: dict[str, Any] = {
        "folder": "models/exported/dual",
        "configs": configs,
        "budget": BUDGET,
        "scores": SCORES,
        "headlines": HEADLINES,
        "labelled": "synthetic, split protocol B",
    }
    return model_card(**given | changes)


def front_matter(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return fields


def example(text: str) -> str:
    return text.split("```python\n")[1].split("```")[0]


def test_the_front_matter_is_what_hubs_read(configs: dict[str, Config]) -> None:
    fields = front_matter(card(configs))
    assert fields["license"] == "cc-by-4.0"
    assert fields["library_name"] == "timm"
    assert {"sentinel-1", "sentinel-2"} <= set(fields["tags"])


def test_a_single_sensor_is_the_only_tag(configs: dict[str, Config]) -> None:
    about = configs["s2"][OUR_KEY] | {"inputs": ("s2",)}
    fields = front_matter(card({"s2": configs["s2"] | {OUR_KEY: about}}))
    assert "sentinel-1" not in fields["tags"]


@pytest.mark.parametrize("name", ["s1", "s2"])
def test_every_encoder_has_its_one_line(configs: dict[str, Config], name: str) -> None:
    line = (
        f'timm.create_model("local-dir:models/exported/dual/{name}", pretrained=True)'
    )
    assert line in example(card(configs))


def test_a_band_has_position_unit_and_scaling(configs: dict[str, Config]) -> None:
    text = card(configs)
    assert "| 1 | Sentinel-1 | VH | dB | 1.5000 | 1.5000 |\n" in text
    assert "| 0 | Sentinel-2 | B08 | reflectance x 10000 | 8.0000 | 8.0000 |\n" in text


def test_data_method_encoder_and_budget_are_named(configs: dict[str, Config]) -> None:
    text = card(configs)
    assert "synthetic, 6912 tiles of 32 x 32 px from 480 places" in text
    assert "- method: dual_simclr, temperature 0.07\n" in text
    assert "- encoder: resnet, architecture resnet10t, width 8\n" in text
    assert "- budget: epochs 20, learning_rate 0.001\n" in text


def test_a_method_without_options_says_so(configs: dict[str, Config]) -> None:
    configs["s1"][OUR_KEY]["method_options"] = {}
    assert "- method: dual_simclr, no options\n" in card(configs)


def test_scores_are_means_and_spreads_of_this_arm(configs: dict[str, Config]) -> None:
    text = card(configs)
    assert "single_label, average accuracy (AA) in %" in text
    assert f"| dual | {USE_TITLES['finetuned']} | 55.0 ± 5.0 | 75.0 ± 5.0 |\n" in text
    assert f"| dual | {USE_TITLES['frozen']} | 45.0 ± 5.0 | 65.0 ± 5.0 |\n" in text


def test_other_arms_and_tasks_without_scores_are_left_out(
    configs: dict[str, Config],
) -> None:
    text = card(configs)
    assert "| late |" not in text
    assert "mean IoU" not in text


def test_an_arm_without_scores_says_so(configs: dict[str, Config]) -> None:
    text = card(configs, scores=SCORES[SCORES["arm"] == "late"])
    assert "None: dual was not fine-tuned or probed.\n" in text


def test_generated_data_say_nothing_about_the_earth(configs: dict[str, Config]) -> None:
    assert "say nothing about the Earth" in card(configs)


def test_measured_data_are_named_as_the_limit(configs: dict[str, Config]) -> None:
    configs["s1"][OUR_KEY]["data"]["source"] = "sen12ms"
    text = card(configs)
    assert "say nothing about the Earth" not in text
    assert "The weights have seen sen12ms only." in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("synthetic", ("sigma nought", "level 1C")),
        ("sen12ms", ("sigma nought", "level 1C")),
        ("stac", ("gamma nought", "level 2A")),
        ("folder", ("sigma or gamma nought", "level 1C or 2A")),
    ],
)
def test_what_the_bands_hold_depends_on_the_source(
    configs: dict[str, Config], source: str, words: tuple[str, ...]
) -> None:
    configs["s1"][OUR_KEY]["data"]["source"] = source
    note = card(configs).split("## Bands")[1].split("##")[0]
    levels = {"sigma nought", "gamma nought", "sigma or gamma nought"}
    assert all(word in note for word in words)
    assert not any(word in note for word in levels if word not in words[0])


@pytest.mark.parametrize(
    ("method", "encoder", "dois"),
    [
        ("dual_simclr", "resnet", ["10.5194/isprs-annals-V-3-2022-705-2022"]),
        (
            "dual_simclr",
            "swin",
            ["10.5194/isprs-annals-V-3-2022-705-2022", "10.1109/CVPRW56347.2022.00148"],
        ),
        ("mma", "vgg", ["2107.06652", "10.5194/isprs-annals-V-3-2022-705-2022"]),
        ("simclr", "resnet", ["2002.05709"]),
    ],
)
def test_papers_are_cited_as_far_as_the_method_is_theirs(
    configs: dict[str, Config], method: str, encoder: str, dois: list[str]
) -> None:
    configs["s1"][OUR_KEY] |= {"method": method, "encoder": encoder}
    citation = card(configs).split("## Citation\n")[1]
    assert all(doi in citation for doi in dois)
    assert citation.count("\n- ") == len(dois)


def test_a_method_of_ones_own_has_no_paper(configs: dict[str, Config]) -> None:
    configs["s1"][OUR_KEY]["method"] = "ours"
    assert "No paper is on record for the method ours.\n" in card(configs)


def test_the_same_facts_give_the_same_card(configs: dict[str, Config]) -> None:
    assert card(configs) == card(configs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("resnet", {"architecture": "resnet10t", "width": 8}),
        ("vgg", {"width": 4, "num_features": 16}),
    ],
)
def test_the_example_runs_as_printed(
    tmp_path: Path, encoder: str, options: dict[str, object]
) -> None:
    configs = export(tmp_path, encoder=encoder, encoder_options=options)
    code = example(card(configs, folder=str(tmp_path / "out")))
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(*features.shape)"],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"4 {configs['s1']['num_features']}\n"
