import os
from pathlib import Path

from sentinel_fusion.folders import make_empty


def test_what_lay_there_is_gone(tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "old").touch()
    assert list(make_empty(tmp_path / "out").iterdir()) == []


def test_parents_are_made(tmp_path: Path) -> None:
    assert make_empty(tmp_path / "a" / "b").is_dir()


def test_a_cached_file_linked_there_survives(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("weights")
    (tmp_path / "out").mkdir()
    os.link(cached, tmp_path / "out" / "weights")
    make_empty(tmp_path / "out").joinpath("weights").write_text("other")
    assert cached.read_text() == "weights"
