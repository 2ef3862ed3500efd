"""The stages' dependencies against the imports of their code."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

ROOT = Path(__file__).parents[1]
PACKAGE = "sentinel_fusion"
LAYERS = (
    {"bands", "classes", "folders", "progress", "uses"},
    {"data", "models", "losses", "metrics"},
    {"methods", "tasks", "report"},
    {"train"},
)
CHOSEN_BY_PARAMS = ("methods", "losses", "models", "tasks", "metrics", "data/sources")
READERS_OF_PARAMS = {
    *(ROOT / "src" / PACKAGE / f"{name}.py" for name in ("faults", "params")),
    *(ROOT / "src" / PACKAGE / "sections").glob("*.py"),
}
METHOD_PARTS = {
    ROOT / "src" / PACKAGE / part
    for part in ("models/heads.py", "data/views.py", "losses/nt_xent_blocks.py")
}


GRID = yaml.safe_load((ROOT / "params.yaml").read_text())["grid"]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def _file_of(module: str) -> Path | None:
    top = ROOT if module.startswith("stages") else ROOT / "src"
    file = (top / module.replace(".", "/")).with_suffix(".py")
    return file if file.is_file() else None


@cache
def _imports(file: Path) -> frozenset[Path]:
    """Project files that a file imports, ``__init__.py`` apart."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module}
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {m for m in modules if m.split(".")[0] in {PACKAGE, "stages"}}
    files = {_file_of(module) for module in ours}
    return frozenset(file for file in files if file is not None)


def _reached(roots: set[Path]) -> set[Path]:
    found: set[Path] = set()
    waiting = list(roots)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file)
    return found


@cache
def _stages() -> dict[str, tuple[Path, frozenset[Path]]]:
    """Address -> script and code dependencies of every stage in dvc.yaml."""
    stages = {}
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            if stage.addressing.startswith("recipe_"):
                continue  # counts as part of the stages that depend on it
            script = _file_of(str(stage.cmd).split("-m ")[1].split()[0])
            assert script is not None
            deps = {Path(str(dep.fs_path)).resolve() for dep in stage.deps}
            recipes = {d.name for d in deps if d.parent.name == "recipes"}
            deps |= {ROOT / file for r in recipes for file in DAG[r]["deps"]}
            code = {
                d for d in deps if d.suffix == ".py" or (d / "__init__.py").exists()
            }
            stages[str(stage.addressing)] = (script, frozenset(code))
    return stages


@cache
def _names_in_params() -> frozenset[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    sources = {role["source"] for role in params["sources"].values()}
    tasks = {*params["grid"]["arms"], params["finetune"]["task"]}
    losses = {arm["loss"] for arm in params["arms"].values()}
    models = {*params["encoders"], *params["decoders"]}
    return frozenset({*params["methods"], *losses, *models, *tasks, *sources})


def _is_chosen_by_params(file: Path) -> bool:
    folder = file.parent.as_posix()
    is_choice = any(folder.endswith(f"{PACKAGE}/{name}") for name in CHOSEN_BY_PARAMS)
    return is_choice and file.stem in _names_in_params()


def _roots(script: Path, code: frozenset[Path]) -> set[Path]:
    chosen = {file for file in code if file.is_file() and _is_chosen_by_params(file)}
    folders = {file for file in code if file.is_dir()}
    inside = {f for folder in folders for f in folder.glob("*.py")}
    return {script} | chosen | {f for f in inside if f.name != "__init__.py"}


def _has_recipe(address: str) -> bool:
    """Whether a stage tracks the values of params in a recipe, not who reads them."""
    deps = DAG[address.split("@")[0]].get("do", DAG[address.split("@")[0]])["deps"]
    return any("recipe_" in dep for dep in deps)


@pytest.mark.parametrize("address", sorted(_stages()))
def test_every_file_a_stage_imports_is_among_its_deps(address: str) -> None:
    script, code = _stages()[address]
    folders = [file for file in code if file.is_dir()]
    missing = {
        file
        for file in _reached(_roots(script, code)) - code
        if not any(folder in file.parents for folder in folders)
    }
    if _has_recipe(address):
        missing -= READERS_OF_PARAMS
    assert missing == set()


@pytest.mark.parametrize("address", sorted(_stages()))
def test_every_code_dep_of_a_stage_is_imported(address: str) -> None:
    script, code = _stages()[address]
    reached = _reached(_roots(script, code))
    unused = {file for file in code if file.is_file()} - reached
    # a foreach stage lists the parts of all its methods; a baseline has no head
    allowed = METHOD_PARTS if address.startswith("pretrain@") else set()
    assert unused <= allowed


def _layer(file: Path) -> int | None:
    parts = file.relative_to(ROOT / "src" / PACKAGE).with_suffix("").parts
    for number, names in enumerate(LAYERS):
        if parts[0] in names:
            return number
    return None


PACKAGE_FILES = sorted((ROOT / "src" / PACKAGE).rglob("*.py"))


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_run_one_way(file: Path) -> None:
    here = _layer(file)
    if here is None:
        return
    package = file.relative_to(ROOT / "src" / PACKAGE).parts[0]
    for other in _imports(file):
        there = _layer(other)
        same = other.relative_to(ROOT / "src" / PACKAGE).parts[0] == package
        assert there is not None
        assert same or there < here, f"{file.name} must not import {other}"


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_only_stages_read_params(file: Path) -> None:
    assert file.stem == "params" or not any(
        other.stem == "params" for other in _imports(file)
    )


@pytest.mark.parametrize(
    "file", [f for f in PACKAGE_FILES if f.name == "__init__.py"], ids=str
)
def test_package_files_hold_a_docstring_only(file: Path) -> None:
    body = ast.parse(file.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("task", GRID["arms"])
def test_the_grid_has_a_cell_for_every_arm_and_fraction_of_a_task(task: str) -> None:
    cells = [name for name in _stages() if name.startswith(f"grid_{task}@")]
    assert len(cells) == len(GRID["arms"][task]) * len(GRID["label_fracs"])


def test_a_cell_does_not_depend_on_the_headline_fraction() -> None:
    params = DAG["recipe_cell"]["params"]
    assert not {"finetune", "finetune.label_frac"} & set(params)


def test_a_cell_tracks_every_budget_param_of_the_finetune_section() -> None:
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["finetune"]
    headline = {"arm", "task", "label_frac"}
    budget = {f"finetune.{key}" for key in section if key not in headline}
    assert budget <= set(DAG["recipe_cell"]["params"])


@pytest.mark.parametrize("name", [name for name in DAG if name.startswith("recipe_")])
@pytest.mark.parametrize("task", GRID["arms"])
def test_editing_a_score_trains_nothing_anew(name: str, task: str) -> None:
    scores = {
        f"src/{PACKAGE}/metrics/{n}.py" for n in (task, "scores", "classification")
    }
    assert not scores & set(DAG[name]["deps"])


@pytest.mark.parametrize("task", GRID["arms"])
def test_a_decoder_is_tracked_by_segmentation_alone(task: str) -> None:
    deps = DAG[f"recipe_{task}"]["deps"]
    decoders = yaml.safe_load((ROOT / "params.yaml").read_text())["decoders"]
    tracked = {f"src/{PACKAGE}/models/{name}.py" for name in decoders} & set(deps)
    assert len(tracked) == (len(decoders) if task == "segmentation" else 0)
    params = {*DAG[f"recipe_{task}"]["params"], *DAG["recipe_cell"]["params"]}
    tracked = {"decoders", "decoder_of"} & params
    assert len(tracked) == (2 if task == "segmentation" else 0)


def test_a_pretraining_tracks_what_its_outs_depend_on_and_not_when_it_warns() -> None:
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["pretrain"]
    warnings = {"collapse_spread", "collapse_rank"}
    params = DAG["recipe_pretrain"]["params"]
    tracked = {key for key in params if key.startswith("pretrain")}
    assert tracked == {f"pretrain.{key}" for key in section if key not in warnings}


def test_the_tile_stage_tracks_what_its_store_depends_on_and_not_who_writes_it() -> (
    None
):
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["tile"]
    untracked = {"retries", "workers", "scheduler"}
    tracked = {f"tile.{key}" for key in section if key not in untracked}
    assert set(DAG["tile"]["do"]["params"]) == tracked


@pytest.mark.parametrize("name", [n for n in DAG if "split.protocol" in str(DAG[n])])
def test_who_shows_the_protocol_tracks_all_that_describes_it(name: str) -> None:
    parts = {f"split.{key}" for key in ("protocol", "list", "train_labels")}
    assert parts <= set(DAG[name]["params"])


def test_only_who_reads_rasters_wants_them_to_exist() -> None:
    wanting = {
        file.stem
        for file in (ROOT / "stages").glob("*.py")
        if "paths_must_exist=True" in file.read_text()
    }
    assert wanting == {"check_params", "download"}


@pytest.mark.parametrize("file", sorted((ROOT / "stages").glob("[!_]*.py")), ids=str)
def test_a_stage_script_is_thin(file: Path) -> None:
    code = [
        line
        for line in file.read_text().splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    assert len(code) <= 90
