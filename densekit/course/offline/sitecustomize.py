"""No network for this process: only connections inside the machine are allowed.

Python runs a file of this name at its start if the file's folder is on PYTHONPATH, so a kernel and every
Python process that it starts are covered; `densekit.course.execution.offline_environment` sets that up. It
stands on its own, because nothing can be imported yet with certainty, and it hands over to the
`sitecustomize` of the environment, if there is one.

What is refused raises ConnectionRefusedError, which libraries already treat as "no network".
"""

import errno
import importlib.machinery
import importlib.util
import ipaddress
import os
import socket
import sys
from typing import Any, NoReturn

_INTERNET = (socket.AF_INET, socket.AF_INET6)


def _is_inside(host: Any) -> bool:
    """Say whether a host is this machine: no host, localhost, or a loopback address."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not host or host == "localhost" or host == socket.gethostname():
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(host: Any) -> NoReturn:
    raise ConnectionRefusedError(
        errno.ECONNREFUSED,
        f"'{host}' was not contacted: this run has no network, so that everything works without one",
    )


def _guard_socket(name: str) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        # The address comes last: connect(address), sendto(data, address), sendmsg(buffers, ..., address).
        address = arguments[-1] if arguments else None
        if self.family in _INTERNET and isinstance(address, tuple) and not _is_inside(address[0]):
            _refuse(address[0])
        return original(self, *arguments)

    setattr(socket.socket, name, guarded)


def _guard_lookup(name: str) -> None:
    original = getattr(socket, name)

    def guarded(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if not _is_inside(host):
            _refuse(host)
        return original(host, *arguments, **keywords)

    setattr(socket, name, guarded)


def _run_the_next_one() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib would slow every start)
    elsewhere = [path for path in sys.path if os.path.abspath(path) != here]  # noqa: PTH100
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


for _name in ("connect", "connect_ex", "sendto", "sendmsg"):
    if hasattr(socket.socket, _name):
        _guard_socket(_name)
for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    _guard_lookup(_name)
_run_the_next_one()
