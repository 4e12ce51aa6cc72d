"""Bad surroundings: one clear line, a non-zero exit, nothing half-written."""

import os
import socket
import subprocess

import pytest
from private_souk import PrivateSouk
from setups import FAST
from shop import Market
from souk_client import ApiError, Unreachable

pytestmark = pytest.mark.setups("souk", reason="about the one process and its data folder; test_failures has the others")


def run(binary, *arguments, cwd, **env) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SOUK_")}
    return subprocess.run(
        [binary, *arguments], cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=60)


def one_line(result: subprocess.CompletedProcess, status: int, *words: str) -> None:
    lines = [line for line in result.stderr.splitlines() if line.startswith("souk:")]
    assert result.returncode == status, result.stderr
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize("name,value", [
    ("SOUK_PORT", "abc"), ("SOUK_PORT", "70000"), ("SOUK_LOG_LEVEL", "loud"), ("SOUK_HTTP_REQUEST_TIMEOUT", "soon"),
    ("SOUK_AUTH_ACCESS_TOKEN_TTL", "15"), ("SOUK_GATEWAY_RATE_LIMIT", "0"), ("SOUK_TRUSTED_PROXIES", "everybody"),
    ("SOUK_PAYMENT_COMMISSION_BPS", "10001"), ("SOUK_PUBLIC_URL", "shop"), ("SOUK_SQLITE_SYNCHRONOUS", "maybe"),
    ("SOUK_ORDER_PAYMENT_WINDOW", "-5m"), ("SOUK_AUTH_ADMIN_PASSWORD_FILE", "/nowhere/secret"),
])
def test_a_wrong_value_is_named(binary, tmp_path, name, value):
    env = {"SOUK_PORT": "0", name: value}
    if name.startswith("SOUK_AUTH_ADMIN"):
        env["SOUK_AUTH_ADMIN_EMAIL"] = "a@b.example"
    one_line(run(binary, "serve", cwd=tmp_path, **env), 2, name.removesuffix("_FILE"))


def test_unknown_options_and_help(binary, tmp_path):
    for wrong in (["serve", "--prot", "1"], ["serve", "--port", "many"], ["serve", "--port", "70000"], ["sell"]):
        result = run(binary, *wrong, cwd=tmp_path)
        assert result.returncode == 2 and result.stderr, (wrong, result)
    shown = run(binary, "--help", cwd=tmp_path)
    assert shown.returncode == 0 and "serve" in shown.stdout
    assert not (tmp_path / ".souk").exists()


def test_an_occupied_port(binary, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        one_line(run(binary, "serve", cwd=tmp_path, SOUK_PORT=port), 1, port, "in use")


def test_a_folder_in_use(binary, tmp_path, fresh):
    server = fresh().start()
    one_line(run(binary, "serve", cwd=tmp_path, SOUK_PORT="0", SOUK_DATA_DIR=str(server.data)), 1, "in use")


def test_a_corrupt_database(binary, tmp_path, fresh):
    server = fresh().start()
    server.stop()
    broken = server.data / "order.sqlite"
    broken.write_bytes(b"this is no database, however long one looks at it" * 500)
    before = broken.read_bytes()
    one_line(run(binary, "serve", cwd=tmp_path, SOUK_PORT="0", SOUK_DATA_DIR=str(server.data)), 1, "order.sqlite")
    assert broken.read_bytes() == before


def test_a_folder_that_cannot_be_written(binary, tmp_path):
    one_line(run(binary, "serve", cwd=tmp_path, SOUK_PORT="0", SOUK_DATA_DIR="/proc/souk"), 1, "/proc/souk")


@pytest.fixture
def small_disk(tmp_path):
    """Four megabytes of memory as a disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine doesn't let us mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_at_start(binary, tmp_path, small_disk):
    (small_disk / "ballast").write_bytes(b"x" * (4 * 1024 * 1024 - 20_000))
    result = run(binary, "serve", cwd=tmp_path, SOUK_PORT="0", SOUK_DATA_DIR=str(small_disk / "souk"))
    one_line(result, 1)


def test_a_disk_that_fills_up_while_serving(binary, small_disk):
    with PrivateSouk(small_disk / "souk", binary=binary, env=FAST) as server:
        market = Market(server, patience=0.1)
        ada = market.shopper()
        ballast = (small_disk / "ballast").open("wb")
        with pytest.raises(OSError):
            while True:
                ballast.write(b"x" * 4096)
                ballast.flush()
        refused = 0
        for number in range(40):
            try:
                market.register(f"late-{number}")
            except (ApiError, Unreachable) as error:
                refused += 1
                assert not isinstance(error, ApiError) or error.status in (500, 503, 507), error
        assert refused > 0
        os.truncate(small_disk / "ballast", 0)
        market.register("after")  # without a restart
        assert ada.get("/api/v1/users/me").status == 200
    assert server.process.returncode == 0
