"""The warm Python through a ``python`` in front of the search path, as DVC sees it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinel_fusion.repro import WarmPython
from sentinel_fusion.warm import CLIENT
from sentinel_fusion.warm_client import PYTHON, SERVER

LONGEST_WAIT_S = 10
DRIVER = """
import sys
from pathlib import Path
from sentinel_fusion import warm
sys.is_warm = True
warm.LIBRARIES = ()
warm.serve(Path(sys.argv[1]))
"""
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the jobs lie; the server finds modules there."""
    return tmp_path


@pytest.fixture
def environ(folder: Path) -> Iterator[dict[str, str]]:
    """Environment in which ``python`` is served by a server without libraries."""
    server_folder = folder / "server"
    server_folder.mkdir()
    shim = server_folder / "python"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{CLIENT}" "$@"\n')
    shim.chmod(0o755)
    (folder / "driver.py").write_text(DRIVER)
    path = server_folder / "socket"
    server = subprocess.Popen([sys.executable, folder / "driver.py", path])
    try:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield os.environ | {
            "PATH": f"{server_folder}{os.pathsep}{os.environ['PATH']}",
            SERVER: str(path),
            PYTHON: sys.executable,
        }
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def run(folder: Path, environ: dict[str, str]) -> Run:
    """Run code as a module by ``python -m``."""

    def call(code: str, *arguments: str, **more: str) -> Done:
        (folder / "job.py").write_text(code)
        return subprocess.run(
            ["python", "-m", "job", *arguments],
            check=False,
            cwd=folder,
            env=environ | more,
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT_S,
        )

    return call


def test_a_module_runs_in_a_fork_of_the_server(run: Run) -> None:
    assert run("import sys; print(sys.is_warm)").stdout == "True\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('text')", 1),
        ("raise ValueError('bad')", 1),
        ("import os; os._exit(5)", 5),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_the_exit_status_comes_through(run: Run, code: str, status: int) -> None:
    assert run(code).returncode == status


def test_both_streams_come_through_apart(run: Run) -> None:
    done = run("import sys; print('out'); print('err', file=sys.stderr)")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_what_processes_of_the_module_print_comes_through(run: Run) -> None:
    assert run("import os; os.system('echo child')").stdout == "child\n"


def test_a_text_to_leave_with_is_printed_as_an_error(run: Run) -> None:
    done = run("import sys; sys.exit('what to do')")
    assert (done.stdout, done.stderr) == ("", "what to do\n")


def test_an_error_leaves_its_traceback(run: Run) -> None:
    assert "ValueError: bad" in run("raise ValueError('bad')").stderr


def test_the_environment_comes_through(run: Run) -> None:
    done = run("import os; print(os.environ['COLOUR'])", COLOUR="blü")
    assert done.stdout == "blü\n"


def test_the_servers_own_environment_does_not(
    run: Run, environ: dict[str, str]
) -> None:
    del environ["HOME"]
    assert run("import os; print('HOME' in os.environ)").stdout == "False\n"


def test_a_long_environment_comes_through(run: Run) -> None:
    done = run("import os; print(len(os.environ['LONG']))", LONG="x" * 100_000)
    assert done.stdout == "100000\n"


def test_arguments_and_name_come_through(run: Run) -> None:
    done = run("import sys; print(__name__, sys.argv[1:])", "late", "0.1")
    assert done.stdout == "__main__ ['late', '0.1']\n"


def test_the_working_directory_comes_through(run: Run, folder: Path) -> None:
    assert run("import os; print(os.getcwd())").stdout == f"{folder}\n"


def test_a_module_leaves_no_trace_for_the_next(run: Run) -> None:
    run("import sys; sys.is_warm = 'not any more'")
    assert run("import sys; print(sys.is_warm)").stdout == "True\n"


def test_code_is_read_anew_at_every_run(run: Run) -> None:
    run("print('old')")
    assert run("print('a newer one')").stdout == "a newer one\n"


def test_modules_run_side_by_side(
    run: Run, folder: Path, environ: dict[str, str]
) -> None:
    (folder / "first.py").write_text("print(open('pipe').read())")
    os.mkfifo(folder / "pipe")
    with subprocess.Popen(
        ["python", "-m", "first"], cwd=folder, env=environ, stdout=subprocess.PIPE
    ) as first:
        run("open('pipe', 'w').write('from the second')")
        assert first.communicate(timeout=LONGEST_WAIT_S)[0] == b"from the second\n"


def test_a_killed_client_ends_the_module(folder: Path, environ: dict[str, str]) -> None:
    code = "import time; print('started', flush=True); time.sleep(60)"
    (folder / "job.py").write_text(code)
    with subprocess.Popen(
        ["python", "-m", "job"], cwd=folder, env=environ, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"started\n"
        client.kill()
        # the pipe ends when nobody holds its other end any more
        assert client.communicate(timeout=LONGEST_WAIT_S)[0] == b""


def test_a_command_without_module_runs_on_the_real_python(
    environ: dict[str, str],
) -> None:
    code = "import sys; print(sys.executable, hasattr(sys, 'is_warm'))"
    done = subprocess.check_output(["python", "-c", code], env=environ, text=True)
    assert done == f"{sys.executable} False\n"


def test_without_a_server_a_module_runs_on_the_real_python(
    run: Run, folder: Path
) -> None:
    done = run("import sys; print(hasattr(sys, 'is_warm'))", **{SERVER: "nowhere"})
    assert done.stdout == "False\n"


IS_IMPORTED = "import sys; sys.modules['torch'], sys.modules['timm']"


@pytest.mark.slow
def test_the_runners_python_has_imported_the_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    command = ["python", "-m", "timeit", "--number=1", "--repeat=1", IS_IMPORTED]
    with WarmPython() as warm:
        done = subprocess.run(
            command, check=False, env=warm.environ(), capture_output=True
        )
    assert done.returncode == 0


def test_a_server_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with (
        WarmPython() as warm,
        pytest.raises(RuntimeError, match="did not start; use --jobs 1"),
    ):
        warm.environ()
