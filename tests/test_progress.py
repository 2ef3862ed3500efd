import io
from functools import partial

import pytest
from tqdm import tqdm

from sentinel_fusion import progress as module
from sentinel_fusion.progress import progress


class Clock:
    """Stands still until it is moved."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO")
    return caplog


def test_off_a_terminal_a_line_tells_share_time_left_and_rate(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    with progress("tile", 100, "patch", done=10, clock=clock) as update:
        clock.now_s += 200
        update(20)  # 0.1 a second: 700 s for the other 70
    assert log.messages == ["tile: 30% 30/100 [03:20<11:40, 10.00s/patch]"]


def test_lines_are_minutes_apart(log: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with progress("tile", 0, "patch", clock=clock) as update:
        for _ in range(60):
            clock.now_s += 10
            update()
    assert len(log.messages) == 600 // 180


def test_bytes_are_shortened_and_an_unknown_whole_has_no_share(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    with progress("fetch", 0, "B", is_scaled=True, clock=clock) as update:
        clock.now_s += 200
        update(4_000_000_000)
    assert log.messages == ["fetch: 4.00GB [03:20, 20.0MB/s]"]


def test_what_must_be_done_again_is_taken_back(log: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with progress("fetch", 100, "B", clock=clock) as update:
        update(50)
        clock.now_s += 200
        update(-40)
    assert log.messages[0].startswith("fetch: 10% 10/100 ")


def test_a_terminal_shows_a_bar_and_no_line(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, clock = Terminal(), Clock()
    bar = partial(tqdm, file=terminal, mininterval=0, ncols=80)
    monkeypatch.setattr(module, "tqdm", bar)
    with progress("tile", 4, "patch", clock=clock) as update:
        clock.now_s += 200
        update(3)
    assert "75%|" in terminal.getvalue()
    assert log.messages == []
