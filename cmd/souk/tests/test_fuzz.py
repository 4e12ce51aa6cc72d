"""./scripts/fuzz: a short run ends no process, and one that ends a process is noticed and narrowed down to a connection."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CORPUS = ROOT / "scripts/lib/fuzz/corpus"


@pytest.fixture(scope="session")
def programs(binary) -> pathlib.Path:
    return binary.absolute().parent


def fuzz(programs: pathlib.Path, failures: pathlib.Path, *arguments) -> subprocess.CompletedProcess:
    command = [ROOT / "scripts/fuzz", "--programs", programs, "--failures", failures, *map(str, arguments)]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)


def figures(output: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", output.splitlines()[-1])}


@pytest.mark.setups("souk", reason="these processes are the same beside every set-up")
def test_no_connection_ends_a_process(programs, tmp_path):
    done = fuzz(programs, tmp_path, "--only", "http,tls,proxy", "--seed", 9, "--connections", 30_000, "--minutes", 0.4)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = figures(done.stdout)
    # It is no use when listeners don't take and answer most of it.
    assert seen["connections"] >= 2_000 and seen["connected"] > 0.9 * seen["connections"], done.stdout
    assert seen["answered"] > 0.05 * seen["connections"], done.stdout


@pytest.mark.setups("rabbitmq", reason="gRPC is between processes, and the same with either broker")
def test_no_connection_ends_a_service(programs, tmp_path):
    done = fuzz(programs, tmp_path, "--only", "grpc", "--seed", 9, "--connections", 10_000, "--minutes", 0.3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert figures(done.stdout)["answered"] > 100, done.stdout


FRAGILE = """
import os, socket, threading
server = socket.create_server(("127.0.0.1", 0), backlog=1000)
print(server.getsockname()[1], flush=True)
def serve(client):
    with client:
        try:
            data = client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        except OSError:
            return
        if b"Upgrade" in data:
            os.abort()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.mark.setups("souk", reason="the program is the same beside every set-up")
def test_the_end_of_a_process_is_noticed(programs, tmp_path):
    """A server that dies of every WebSocket upgrade."""
    with subprocess.Popen([sys.executable, "-c", FRAGILE], stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        done = subprocess.run(
            [programs / "souk-fuzz", "--corpus", CORPUS, "--failures", tmp_path / "failures", "--connections", "5000",
             "--batch", "1", "--concurrency", "1", "--target", f"fragile:http:{port}:{server.pid}:1"],
            capture_output=True, text=True, timeout=120)
        server.kill()
    assert done.returncode == 1, done.stdout + done.stderr
    failed = re.search(r"^failed: fragile \(pid \d+\) has ended; seed=1 first=(\d+) connections=1$", done.stdout, re.M)
    assert failed, done.stdout
    (suspect,) = (tmp_path / "failures").iterdir()
    assert suspect.name == f"connection-{failed[1]}-fragile.bin" and b"Upgrade" in suspect.read_bytes()


@pytest.mark.setups("souk", reason="the script is the same beside every set-up")
@pytest.mark.parametrize("arguments, said", [
    (["--only", "smtp"], "unknown process smtp"), (["--connections", "0"], "must be positive"),
    (["--concurrency", "9999"], "from 1 to 4000"), (["--seed", "x"], "invalid int value"),
])
def test_wrong_usage(programs, tmp_path, arguments, said):
    done = fuzz(programs, tmp_path, *arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr
