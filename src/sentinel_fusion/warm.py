"""A warm Python: a server that has imported the slow libraries and forks on request.

Starting a stage costs some five seconds of imports, as much as a small cell trains.
``repro`` puts a ``python`` in front of the search path that hands ``python -m MODULE``
over to this server; DVC runs the same command lines as ever and sees no difference.

Server: ``python -m sentinel_fusion.warm SOCKET``. The libraries must not have started
threads when it forks, which is why nothing is computed here.
"""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "pydantic", "yaml", "tqdm", "jaxtyping"),
    *("torch", "torch.utils.flop_counter", "safetensors.torch", "timm"),
    *("kornia.augmentation", "segmentation_models_pytorch.decoders.unet.decoder"),
)
CLIENT = Path(__file__).with_name("warm_client.py")
_LONGEST_REQUEST = 2**20
_POLL_S = 0.05
_PARENT_POLL_S = 1.0


def serve(path: Path) -> None:
    """Import the libraries, then run a module a connection until the parent is gone.

    Args:
        path: Unix socket to make; it appears when the server is ready.
    """
    parent = os.getppid()
    for library in LIBRARIES:
        importlib.import_module(library)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guards leave no zombies
    with socket.socket(socket.AF_UNIX) as server:
        partial = path.with_suffix(".partial")
        server.bind(str(partial))
        server.listen()
        partial.rename(path)
        while os.getppid() == parent:
            waiting, _, _ = select.select([server], [], [], _PARENT_POLL_S)
            if not waiting:
                continue
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _guard(connection)
            connection.close()


def _guard(connection: socket.socket) -> None:
    """Run the request in a child of its own; end it when the client is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, fds, _, _ = socket.recv_fds(connection, _LONGEST_REQUEST, 2)
    while not message.endswith(b"\n"):
        more = connection.recv(_LONGEST_REQUEST)
        if not more:
            os._exit(1)  # the client left before it had said what it wants
        message += more
    worker = os.fork()
    if worker == 0:
        connection.close()
        _work(json.loads(message), fds)
    with suppress(ProcessLookupError):  # it may have ended already
        os.setpgid(worker, worker)  # so that what it starts ends with it
    while True:
        done, status = os.waitpid(worker, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
            os._exit(0)
        is_gone, _, _ = select.select([connection], [], [], _POLL_S)
        if is_gone:
            with suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGKILL)
            os._exit(1)


def _work(request: dict[str, Any], fds: list[int]) -> None:
    """Become ``python -m MODULE ARGS`` with the client's streams and environment."""
    code = 1
    for target, fd in enumerate(fds, start=1):
        os.dup2(fd, target)
    try:
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(request["environ"])
        module, *arguments = request["argv"]
        sys.argv[1:] = arguments
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
        if isinstance(leaving.code, str):
            sys.stderr.write(f"{leaving.code}\n")
    except BaseException:  # noqa: BLE001 - what Python itself does at the top
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
