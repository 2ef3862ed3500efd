import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sentinel_fusion.train.checkpoint import Checkpoints, loaded_code, work_key


def test_a_saved_state_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "work", every_s=0)
    checkpoints.save("state", {"weight": torch.arange(3), "curve": [{"loss": 1.5}]})
    state = Checkpoints(tmp_path, "work", every_s=0).load("state")
    assert state is not None
    assert state["weight"].tolist() == [0, 1, 2]


def test_a_state_of_an_earlier_process_counts_as_resumed(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "work", every_s=0).save("state", {"step": 1})
    later = Checkpoints(tmp_path, "work", every_s=0)
    later.load("state")
    assert later.has_resumed


def test_a_state_saved_here_does_not_count_as_resumed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "work", every_s=0)
    checkpoints.save("state", {"step": 1})
    checkpoints.load("state")
    assert not checkpoints.has_resumed


def test_a_missing_state_does_not_count_as_resumed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "work", every_s=0)
    checkpoints.load("state")
    assert not checkpoints.has_resumed


def test_a_state_never_saved_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, "work", every_s=0).load("state") is None


def test_a_half_written_state_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "state.7.partial").write_bytes(b"half")
    assert Checkpoints(tmp_path, "work", every_s=0).load("state") is None


def test_a_damaged_state_starts_the_work_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path, "work", every_s=0)
    checkpoints.save("state", {"weight": torch.arange(1000)})
    file = tmp_path / "work" / "state.pt"
    file.write_bytes(file.read_bytes()[:100])
    assert checkpoints.load("state") is None
    assert not checkpoints.has_resumed
    assert "state.pt cannot be read" in caplog.text


def test_removed_work_starts_afresh(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "work", every_s=0)
    checkpoints.save("state", {"step": 1})
    checkpoints.remove()
    assert checkpoints.load("state") is None


def test_a_save_is_not_due_at_once() -> None:
    assert not Checkpoints(Path(), "work", every_s=1000).is_due()


def test_the_key_changes_with_params_code_and_input(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("a")
    keys = [work_key({"x": 1}, [code], [b"in"]), work_key({"x": 2}, [code], [b"in"])]
    keys.append(work_key({"x": 1}, [code], [b"other"]))
    code.write_text("b")
    keys.append(work_key({"x": 1}, [code], [b"in"]))
    assert len(set(keys)) == 4


def test_loaded_code_holds_the_running_script(tmp_path: Path) -> None:
    script = tmp_path / "stage.py"
    script.write_text(
        "import sys\n"
        "from sentinel_fusion.train.checkpoint import loaded_code\n"
        "sys.stdout.write(str([file.name for file in loaded_code()]))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert "'stage.py'" in done.stdout


def test_loaded_code_of_a_part_holds_that_part_alone() -> None:
    found = loaded_code(("sentinel_fusion.train",))
    assert {file.parent.name for file in found} == {"train"}


def test_a_name_that_only_starts_alike_is_no_part() -> None:
    assert loaded_code(("sentinel_fusion.tr",)) == []


def test_loaded_code_holds_the_imported_modules() -> None:
    assert "checkpoint.py" in {file.name for file in loaded_code()}
