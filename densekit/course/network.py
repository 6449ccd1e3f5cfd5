"""No network for a process and for everything it starts, where the system can do that.

Linux gives a process a network of its own, in which there is nothing but the process itself: no Python flag, no
other program and no raw socket gets out of it. `densekit.course.offline` is for all other systems: it refuses
what Python's own sockets would contact.

Run as a program, this file says with its exit status whether the system can do it.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
from functools import cache

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # linux/sched.h: CLONE_NEWUSER, CLONE_NEWNET
_GET_FLAGS, _SET_FLAGS, _UP = (
    0x8913,
    0x8914,
    0x1,
)  # linux/sockios.h and if.h: SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


def leave_network() -> bool:
    """Give this process, which has one thread alone, a network of its own with nothing in it but itself.

    Returns:
        False where the system can't do that or doesn't allow it. Then the process may have lost its network all
        the same, even to itself, so ask `can_leave_network` before.
    """
    try:
        return sys.platform == "linux" and _leave()
    except OSError:  # Ubuntu gives a process a world of its own and no right to do anything in it
        return False


def _leave() -> bool:
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_NETWORK) != 0:  # for root; everybody else becomes that of a world of their own
        if library.unshare(_NEW_USER | _NEW_NETWORK) != 0:
            return False
        _write("setgroups", "deny")
        _write("uid_map", f"{user} {user} 1")
        _write("gid_map", f"{group} {group} 1")
    return _bring_up_loopback()


@cache
def can_leave_network() -> bool:
    """Say whether `leave_network` works here; another process tries it."""
    return subprocess.run([sys.executable, "-I", __file__], capture_output=True).returncode == 0


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - a file of the system's
        file.write(text)


def _bring_up_loopback() -> bool:
    import fcntl  # Windows has none

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
    return True


if __name__ == "__main__":
    sys.exit(0 if leave_network() else 1)
