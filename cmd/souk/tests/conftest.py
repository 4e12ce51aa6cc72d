"""End-to-end tests: a real souk on a free port of loopback, driven through its public API."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts/lib"))

from private_souk import PrivateSouk  # noqa: E402
from shop import Market  # noqa: E402


@pytest.fixture(scope="session")
def binary() -> pathlib.Path:
    path = os.environ.get("SOUK_BINARY")
    assert path, "SOUK_BINARY names the souk to test; ./scripts/test sets it"
    return pathlib.Path(path)


@pytest.fixture(scope="session")
def souk(binary, tmp_path_factory):
    """One server for all tests that don't disturb it."""
    with PrivateSouk(tmp_path_factory.mktemp("souk"), binary=binary, env=FAST) as server:
        yield server


@pytest.fixture(scope="session")
def market(souk) -> Market:
    return Market(souk)


@pytest.fixture
def fresh(binary, tmp_path):
    """Makes servers of a test's own; they are stopped when it ends."""
    made = []

    def make(name: str = "souk", **env: str) -> PrivateSouk:
        server = PrivateSouk(tmp_path / name, binary=binary, env=FAST | env)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


# Cheap password hashing: what is tested here is not Argon2.
FAST = {"SOUK_AUTH_ARGON2_MEMORY_KIB": "1024", "SOUK_AUTH_ARGON2_ITERATIONS": "1"}
