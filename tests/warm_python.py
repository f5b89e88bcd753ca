#!/usr/bin/env -S python3 -SE
"""A Python that has imported the large libraries, for jobs that would all import them anew.

A job of a small study imports torch, xarray and zarr for seconds and computes for a moment. Tests
that run many such jobs call snakemake in this Python (``clones.snakemake``): a server imports the
libraries once, and a fork of it is what each job runs in. It imports nothing of symgeom, which is
another one in every copy of the repository, and forks share no state with each other.

As a command it is what snakemake takes for the interpreter: it hands script, environment, folder
and standard streams to the server, and ends as the job ends.
"""

import json
import os
import socket
import sys

SOCKET = "SYMGEOM_TESTS_SOCKET"
"""The environment variable that says where the server listens."""

LIBRARIES = (
    "fsspec.implementations.local",
    "jinja2",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "scipy.optimize",
    "sklearn.datasets",
    "nbformat",
    "smart_open",
    "snakemake.cli",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake.script",
    "torch._dynamo",
    "xarray",
    "yte",
    "zarr",
)


def ask(arguments: list[str]) -> int:
    """Let the server run a script with our streams, and return its exit status."""
    order = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ[SOCKET])
        message = json.dumps(order).encode()
        socket.send_fds(line, [len(message).to_bytes(8, "big")], [0, 1, 2])
        line.sendall(message)
        status = line.recv(4)
    return int.from_bytes(status, "big") if status else 1  # silent: the job was killed


def serve(path: str) -> None:
    """Import the libraries, and fork for each script that is asked for until our input ends."""
    import gc
    from importlib import import_module
    from select import select

    for library in LIBRARIES:
        import_module(library)
    gc.freeze()  # no fork goes through what all have
    sys.executable = os.path.abspath(__file__)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        while sys.stdin not in select([server, sys.stdin], [], [])[0]:
            line, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _answer(line)
            line.close()
            _bury()


def _bury() -> None:
    """Take note of the forks that have ended."""
    from contextlib import suppress

    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(line: socket.socket) -> None:
    """Run the script that a line asks for, in this fork, and end."""
    length, streams, *_ = socket.recv_fds(line, 8, 3)
    with line.makefile("rb") as message:
        order = json.loads(message.read(int.from_bytes(length, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    status = _run(order["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    line.sendall(status.to_bytes(4, "big"))
    os._exit(status)


def _run(arguments: list[str]) -> int:
    """Run a script as the interpreter would, and return the exit status."""
    import runpy
    import traceback

    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1:]))
