import os
import socketserver
import subprocess
import sys
import threading

import pytest

from densekit.course import network
from densekit.course.execution import offline_environment


def run_offline(code, **environment):
    environment = os.environ | environment
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment | offline_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)",
        "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
        "import socket; socket.socket().connect_ex(('192.0.2.1', 80))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import socket; socket.getaddrinfo('example.com', 80)",
        "import socket; socket.gethostbyname('example.com')",
        "import urllib.request; urllib.request.urlopen('https://example.com', timeout=5)",
        "import asyncio; asyncio.run(asyncio.open_connection('192.0.2.1', 80))",
        "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import socket; "
        'socket.create_connection(("192.0.2.1", 80), timeout=5)\'], stderr=subprocess.STDOUT)); 1 / 0',
    ],
)
def test_whatever_leaves_the_machine_is_refused_and_says_why(code):
    process = run_offline(code)

    assert process.returncode != 0
    assert "was not contacted: this run has no network" in process.stdout + process.stderr


def test_a_server_on_this_machine_is_reached():
    class Greet(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"hello")

    with socketserver.TCPServer(("127.0.0.1", 0), Greet) as server:
        threading.Thread(target=server.handle_request).start()
        port = server.server_address[1]
        process = run_offline(
            f"import socket; print(socket.create_connection(('localhost', {port}), timeout=5).recv(5))"
        )

    assert process.stdout == "b'hello'\n", process.stderr


def test_proxies_are_no_way_out():
    process = run_offline(
        "import os; print(os.environ['HTTPS_PROXY'] == '')", HTTPS_PROXY="http://127.0.0.1:3128"
    )

    assert process.stdout == "True\n"


def test_the_environments_own_start_file_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('the other one')")

    process = run_offline("print('here')", PYTHONPATH=str(tmp_path))

    assert process.stdout == "the other one\nhere\n"


def test_a_system_that_takes_back_what_it_gave_has_no_network_to_leave(monkeypatch):
    def refused():
        raise PermissionError(13, "Permission denied", "/proc/self/setgroups")

    monkeypatch.setattr(network, "_leave", refused)
    assert not network.leave_network()
