"""Where a page comes from: revision, versions, machine, data."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

_PACKAGES = (
    *("torch", "torchvision", "timm", "numpy", "pandas", "scipy", "scikit-learn"),
    *("rasterio", "geopandas", "pyarrow", "dvc", "altair", "vl-convert-python"),
)
_WRITTEN_BY_THE_PIPELINE = ("dvc.lock", "metrics")
_UNKNOWN = "not available"
_MIB = 2**20


def revision(root: Path) -> dict[str, str]:
    """The revision that a page was written from.

    Args:
        root: The repository.

    Returns:
        "revision", "of" (its date) and "uncommitted changes": what differs from it
        apart from what the pipeline itself writes.
    """
    try:
        commit, date = _git(root, "log", "-1", "--format=%H\t%cI").strip().split("\t")
        others = [f":(exclude){name}" for name in _WRITTEN_BY_THE_PIPELINE]
        changed = _git(root, "status", "--porcelain", "--", ".", *others)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {"revision": f"{_UNKNOWN}: not a git repository with a commit"}
    files = [line[3:] for line in changed.splitlines()]
    return {
        "revision": commit,
        "of": date,
        "uncommitted changes": ", ".join(files) or "none",
    }


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on.

    Returns:
        Name -> version.
    """
    return {
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def machine() -> dict[str, str]:
    """The machine that runs this, without its name.

    Returns:
        "system", "processor", "cores", "memory" and, where there are any, "GPUs".
    """
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _named_in(Path("/proc/cpuinfo"), "model name") or _UNKNOWN,
        "cores": str(os.cpu_count()),
        "memory": f"{pages / _MIB / 1024:.0f} GiB",
    }
    boards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    gpus = [_named_in(board, "Model") for board in boards]
    return found | ({"GPUs": ", ".join(gpus)} if gpus else {})


def _named_in(file: Path, key: str) -> str:
    """The first value of a key in a file of "key : value" lines; "" without one."""
    if not file.is_file():
        return ""
    for line in file.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def data_hashes(
    lock: Path, outs: Sequence[str], stats: Mapping[str, dict[str, Any]]
) -> dict[str, str]:
    """What identifies the data.

    Args:
        lock: ``dvc.lock``.
        outs: Outs of stages, such as "data/splits".
        stats: Role -> a tile store's ``stats.json``.

    Returns:
        Out -> DVC's hash, and the content hash of each role's pixels.
    """
    found = _locked(lock) if lock.is_file() else {}
    return {
        **{f"{out} (DVC)": found.get(out, _UNKNOWN) for out in outs},
        **{
            f"pixels of {role} (SHA-256)": str(held["content_sha256"])
            for role, held in stats.items()
        },
    }


def _locked(lock: Path) -> dict[str, str]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
    stages = yaml.load(lock.read_text(), Loader=loader)["stages"]
    return {
        out["path"]: str(out["md5"])
        for stage in stages.values()
        for out in stage.get("outs", [])
    }
