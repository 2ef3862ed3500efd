"""The runner of several cells, against a stand-in for the dvc command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STAND_IN = """#!{python}
import json, pathlib, sys
here = pathlib.Path({folder!r})
words = [word for word in sys.argv[1:] if not word.startswith("-")]
with (here / "calls").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if words[0] == "status":
    stale = json.loads((here / "stale").read_text())
    print(json.dumps({{cell: ["changed"] for cell in stale}}))
elif words[-1].endswith("broken"):
    sys.exit("cell says no")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    script = tmp_path / "dvc"
    script.write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    return tmp_path


def _repro(folder: Path, stale: list[str], jobs: int) -> tuple[int, list[str], str]:
    (folder / "stale").write_text(json.dumps(stale))
    done = subprocess.run(
        [sys.executable, "-m", "sentinel_fusion.repro", "--jobs", str(jobs)],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    calls = (folder / "calls").read_text().splitlines() if jobs > 0 else []
    return done.returncode, calls, done.stderr


def test_one_job_is_a_plain_repro(folder: Path) -> None:
    assert _repro(folder, ["grid@a"], 1)[:2] == (0, ["repro"])


def test_stale_cells_run_alone_and_a_plain_repro_closes(folder: Path) -> None:
    _, calls, _ = _repro(folder, ["grid@a", "grid@b", "split"], 2)
    single = {call for call in calls if "--single-item" in call}
    wanted = "--wait-for-lock repro --single-item grid@"
    assert single == {f"{wanted}a", f"{wanted}b"}
    assert calls[-1] == "repro"


def test_a_failing_cell_stops_the_run_and_is_named(folder: Path) -> None:
    status, calls, message = _repro(folder, ["grid@broken"], 2)
    assert status == 1
    assert "grid@broken failed" in message
    assert "cell says no" in message
    assert calls[-1] != "repro"


def test_no_job_is_refused(folder: Path) -> None:
    status, _, message = _repro(folder, [], 0)
    assert status == 2
    assert "--jobs must be >= 1, got 0" in message
