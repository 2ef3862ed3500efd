"""The user's commands in a temporary clone, on tiny data."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file
from tests.integration.conftest import Clone, Params, shrink

pytestmark = pytest.mark.slow
SUMMARIES = (
    *("evaluate", "intervals", "calibration", "budget", "ablation", "maps", "cost"),
    "report",
    "export@dual_simclr",
)
"""What follows from a change of the grid's scores."""


def test_the_first_repro_leaves_metrics_and_figures(clone: Clone) -> None:
    names = (
        *("headline.json", "ablation.json", "scores.csv", "label_efficiency.json"),
        *("diagnostics.json", "calibration.csv", "places.csv", "presence.csv"),
        *("intervals.csv", "comparisons.csv", "label_saving.csv", "claims.json"),
    )
    metrics = clone.folder / "metrics"
    figures = metrics / "figures" / "label_efficiency_single_label"
    assert all((metrics / name).stat().st_size for name in names)
    assert all(figures.with_suffix(s).stat().st_size for s in (".svg", ".png"))


def test_a_second_repro_runs_nothing(clone: Clone) -> None:
    assert clone.stages_run_by("dvc", "repro") == set()


def test_the_parallel_runner_finds_nothing_left_to_do(clone: Clone) -> None:
    command = (sys.executable, "-m", "sentinel_fusion.repro", "--jobs", "2")
    assert clone.stages_run_by(*command) == set()


def test_the_parallel_runner_in_another_clone_gives_the_same_bytes(
    clone: Clone, tmp_path: Path
) -> None:
    other = Clone(tmp_path)
    other.edit_params(shrink)
    other.commit("tiny params")
    other.run(sys.executable, "-m", "sentinel_fusion.repro", "--jobs", "2")
    scores = [(c.folder / "metrics/scores.csv").read_text() for c in (clone, other)]
    assert scores[0] == scores[1]
    assert _results(clone) == _results(other)


def _results(clone: Clone) -> dict[tuple[str, str], str]:
    """Stage and out -> hash in dvc.lock, without what holds seconds or the revision."""
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text())
    return {
        (name, out["path"]): out["md5"]
        for name, stage in lock["stages"].items()
        for out in stage["outs"]
        if "cost" not in out["path"] and not out["path"].startswith("report/")
    }


def test_adding_a_fraction_runs_its_cells_only(clone: Clone) -> None:
    clone.edit_params(lambda params: params["grid"]["label_fracs"].append(0.75))
    assert clone.stages_run_by("dvc", "repro") == {
        "check_params",
        "grid_single_label@late-0.75",
        "grid_single_label@dual_simclr-0.75",
        "grid_multi_label@late-0.75",
        "grid_segmentation@dual_simclr-0.75",
        *SUMMARIES,
    }


def test_adding_an_arm_to_a_task_runs_its_cells_only(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["grid"]["arms"]["multi_label"].append("dual_simclr")

    clone.edit_params(change)
    ran = clone.stages_run_by("dvc", "repro")
    cells = {f"grid_multi_label@dual_simclr-{frac}" for frac in ("0.5", "1.0")}
    assert ran == cells | {"check_params", "check_arms", *SUMMARIES}


def test_who_tiles_and_how_patiently_changes_the_page_only(clone: Clone) -> None:
    change = {"workers": 1, "retries": 0, "scheduler": "tcp://nobody:1"}
    clone.edit_params(lambda params: params["tile"].update(change))
    assert clone.stages_run_by("dvc", "repro") == {"check_params", "report"}


def test_removing_a_fraction_prunes_its_cells(clone: Clone) -> None:
    clone.edit_params(lambda params: params["grid"]["label_fracs"].remove(0.5))
    assert clone.stages_run_by("dvc", "repro") == {"check_params", *SUMMARIES}
    assert not (clone.folder / "runs/grid/late/single_label/0.5").exists()


def test_editing_an_arms_block_runs_that_arm_only(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["arms"]["late"]["inputs"] = ["s2", "s1"]

    clone.edit_params(change)
    assert clone.stages_run_by("dvc", "repro") == {
        "check_params",
        "check_arms",
        "leakage",
        "pretrain@late",
        *(f"grid_single_label@late-{frac}" for frac in ("0.5", "1.0")),
        *(f"grid_multi_label@late-{frac}" for frac in ("0.5", "1.0")),
        "diagnostics",
        *SUMMARIES,
    }


def test_another_probe_trains_nothing(clone: Clone) -> None:
    clone.edit_params(lambda params: params["diagnostics"].update(neighbours=3))
    assert clone.stages_run_by("dvc", "repro") == {
        *("check_params", "recipe_diagnose", "diagnose@dual_simclr", "diagnostics"),
        "report",
    }


def test_an_arm_that_is_diagnosed_no_more_leaves_nothing_behind(clone: Clone) -> None:
    left = clone.folder / "runs/diagnostics/late"
    left.mkdir()
    clone.run("dvc", "repro", "--force", "--single-item", "diagnostics")
    assert not left.exists()
    found = json.loads((clone.folder / "metrics/diagnostics.json").read_text())
    assert set(found) == {"dual_simclr"}


def test_editing_a_methods_file_pre_trains_that_method_only(clone: Clone) -> None:
    file = clone.folder / "src/sentinel_fusion/methods/dual_simclr.py"
    file.write_text(file.read_text() + "\n# edited\n")
    ran = clone.stages_run_by("dvc", "repro")
    assert {s for s in ran if "@" in s} == {"pretrain@dual_simclr"}


def test_editing_a_metric_trains_nothing(clone: Clone) -> None:
    for name in ("label_efficiency", "classification", "single_label"):
        file = clone.folder / f"src/sentinel_fusion/metrics/{name}.py"
        file.write_text(file.read_text() + "\n# edited\n")
    ran = clone.stages_run_by("dvc", "repro")
    assert {"evaluate", "ablation"} <= ran
    assert not [name for name in ran if name.startswith(("pretrain", "grid"))]


def test_editing_a_decoder_trains_what_segments_only(clone: Clone) -> None:
    file = clone.folder / "src/sentinel_fusion/models/unet.py"
    file.write_text(file.read_text() + "\n# edited\n")
    ran = clone.stages_run_by("dvc", "repro")
    cells = {f"grid_segmentation@dual_simclr-{frac}" for frac in ("0.5", "1.0")}
    assert {name for name in ran if name.startswith("grid_")} == cells


def test_a_decoders_option_trains_what_segments_only(clone: Clone) -> None:
    clone.edit_params(lambda params: params["decoders"]["unet"].update(width=4))
    ran = clone.stages_run_by("dvc", "repro")
    cells = {f"grid_segmentation@dual_simclr-{frac}" for frac in ("0.5", "1.0")}
    assert {name for name in ran if name.startswith("grid_")} == cells


def test_cells_of_two_tasks_and_the_headline_share_one_pass_of_an_arm(
    clone: Clone,
) -> None:
    def change(params: Params) -> None:
        params["finetune"] |= {"arm": "late", "task": "single_label"}

    clone.edit_params(change)
    clone.env["PYTHONPATH"] = "src:."
    for command in (
        ("stages.grid", "late", "single_label", "1.0"),
        ("stages.grid", "late", "multi_label", "0.5"),
        ("stages.finetune",),
    ):
        clone.run(sys.executable, "-m", *command)
    folder = clone.folder / ".checkpoints/features"
    assert len(list(folder.glob("*/features.pt"))) == 1


def test_changing_an_ensemble_trains_nothing(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["ensembles"]["other"] = ["dual_simclr", "late"]

    clone.edit_params(change)
    assert not [n for n in clone.stages_run_by("dvc", "repro") if "grid" in n]
    scores = pd.read_csv(clone.folder / "metrics/scores.csv")
    assert {"ensemble", "other"} <= set(scores["arm"])


def test_every_cell_has_a_cost(clone: Clone) -> None:
    rows = json.loads((clone.folder / "metrics/cost.json").read_text())
    wanted = {"seconds", "peak_memory_mib", "parameters", "gflops"}
    cells = [row for row in rows if row["stage"] == "grid"]
    assert len(cells) == 8
    assert all(wanted <= set(row) for row in cells)


def test_a_pre_trained_encoder_is_exported_with_a_card(clone: Clone) -> None:
    folder = clone.folder / "models/exported/dual_simclr"
    files = {f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()}
    parts = {
        f"{s}/{n}" for s in ("s1", "s2") for n in ("config.json", "model.safetensors")
    }
    assert files >= parts | {"README.md"}


def test_an_experiment_runs_the_headline_only(clone: Clone) -> None:
    command = ("dvc", "exp", "run", "-S", "finetune.label_frac=0.1")
    assert clone.stages_run_by(*command) == {
        *("check_params", "finetune", "evaluate", "report"),
    }


def test_metrics_diff_shows_what_an_experiment_changed(clone: Clone) -> None:
    clone.run("dvc", "exp", "run", "-S", "finetune.label_frac=0.1")
    changes = json.loads(clone.run("dvc", "metrics", "diff", "--json"))
    headline = changes["metrics/headline.json"]
    assert headline["labels"]["new"] < headline["labels"]["old"]


def test_metrics_diff_compares_two_branches(clone: Clone) -> None:
    clone.run("git", "checkout", "-q", "-b", "fewer-labels")
    clone.run("dvc", "exp", "run", "-S", "finetune.label_frac=0.1")
    clone.commit("fewer labels")
    changes = json.loads(
        clone.run("dvc", "metrics", "diff", "main", "fewer-labels", "--json")
    )
    clone.restore()
    clone.run("git", "branch", "-D", "fewer-labels")
    assert "labels" in changes["metrics/headline.json"]


def test_plots_show_has_the_curve(clone: Clone) -> None:
    clone.run("dvc", "plots", "show", "-o", "dvc_plots")
    page = (clone.folder / "dvc_plots" / "index.html").read_text()
    assert '"dual_simclr"' in page
    assert "label_efficiency_single_label.png" in page
    assert "maps.png" in page


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("finetune", "label_fraction", 0.1, "unknown key finetune.label_fraction"),
        ("finetune", "label_frac", 2.0, "finetune.label_frac must be less than or"),
        ("tile", "size_px", -1, "tile.size_px must be greater than or equal to 8"),
    ],
)
def test_a_bad_params_file_is_refused_before_any_stage_works(
    clone: Clone, section: str, key: str, value: float, message: str
) -> None:
    clone.edit_params(lambda params: params[section].update({key: value}))
    output = clone.run("dvc", "repro", check=False)
    assert message in output
    assert output.count("Running stage") == 1
    assert "Running stage 'check_params'" in output


def test_a_bad_method_option_is_refused_before_any_stage_works(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["methods"]["dual_simclr"]["temperatur"] = 0.1

    clone.edit_params(change)
    output = clone.run("dvc", "repro", check=False)
    assert "unknown key methods.dual_simclr.temperatur" in output
    assert "download" not in output


def _start_pretraining(clone: Clone) -> subprocess.Popen[str]:
    code = (
        "import stages.pretrain as p; p._CHECKPOINT_EVERY_S = 0; p.main('dual_simclr')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=clone.folder,
        env={**clone.env, "PYTHONPATH": "src:."},
        text=True,
    )


def test_a_killed_pre_training_ends_with_the_unbroken_weights(clone: Clone) -> None:
    clone.edit_params(lambda params: params["pretrain"].update(epochs=30))
    weights = clone.folder / "models/pretrained/dual_simclr/weights.safetensors"
    weights.unlink()
    killed = _start_pretraining(clone)
    checkpoints = clone.folder / ".checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("*/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not weights.exists()
    assert _start_pretraining(clone).wait() == 0
    resumed = load_file(weights)
    weights.unlink()
    assert _start_pretraining(clone).wait() == 0
    unbroken = load_file(weights)
    assert all((resumed[name] == unbroken[name]).all() for name in unbroken)
