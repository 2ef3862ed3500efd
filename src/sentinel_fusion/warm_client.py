"""``python -m MODULE ARGS`` by a warm server; anything else by a new Python.

Runs by itself, without the package and without site-packages, to start at once.
"""

import array
import json
import os
import socket
import sys

SERVER = "SENTINEL_FUSION_WARM"
"""Environment variable: the server's socket."""
PYTHON = "SENTINEL_FUSION_PYTHON"
"""Environment variable: the interpreter to fall back on."""


def main() -> int:
    """Hand the command over, and wait.

    Returns:
        Its exit status.
    """
    path = os.environ.get(SERVER, "")
    if sys.argv[1:2] != ["-m"] or not os.path.exists(path):  # noqa: PTH110 - start-up
        python = os.environ[PYTHON]
        os.execv(python, [python, *sys.argv[1:]])
    request = {
        "argv": sys.argv[2:],
        "cwd": os.getcwd(),  # noqa: PTH109 - start-up
        "environ": dict(os.environ),
    }
    message = json.dumps(request).encode() + b"\n"
    streams = array.array("i", [1, 2])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)]
        sent = connection.sendmsg([message], rights)
        connection.sendall(message[sent:])
        answer = connection.recv(16)
    return int(answer) if answer else 1


if __name__ == "__main__":
    sys.exit(main())
