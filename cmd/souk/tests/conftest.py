"""End-to-end tests: a real marketplace on free ports of loopback, driven through its public API.

The same tests run in three set-ups: `--setup souk` is one process, `--setup rabbitmq` and `--setup kafka` are a process per
service on PostgreSQL, Redis and that broker.
"""

import contextlib
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts/lib"))

from setups import SETUPS, Workshop  # noqa: E402
from shop import Market  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--setup", choices=SETUPS, default="souk", help="what the tests run against")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "setups(*names, reason): the set-ups in which a test means something, and why not in the others")
    config.addinivalue_line("markers", "stops: stops the part that its parameter `name` names")


def pytest_collection_modifyitems(config, items):
    chosen = config.getoption("--setup")
    for item in items:
        for marker in item.iter_markers("setups"):
            if chosen not in marker.args:
                item.add_marker(pytest.mark.skip(reason=marker.kwargs["reason"]))


@pytest.fixture(scope="session")
def setup(request) -> str:
    return request.config.getoption("--setup")


@pytest.fixture(scope="session")
def binary() -> pathlib.Path:
    """The one-process souk; the executables of the services lie beside it."""
    path = os.environ.get("SOUK_BINARY")
    assert path, "SOUK_BINARY names the souk to test; ./scripts/test sets it"
    return pathlib.Path(path)


@pytest.fixture(scope="session")
def workshop(setup, binary):
    made = Workshop(setup, binary)
    yield made
    made.close()


@pytest.fixture(scope="session")
def private(workshop, tmp_path_factory):
    """Runs a server for as long as a fixture of a whole module or session needs it: `with private("name") as server`."""
    @contextlib.contextmanager
    def run(name: str, own_servers: bool = False, **env: str):
        server = workshop.make(tmp_path_factory.mktemp(name), own_servers, **env)
        try:
            yield server.start()
        finally:
            server.close()

    return run


@pytest.fixture(scope="session")
def souk(private):
    """One server for all tests that don't disturb it."""
    with private("souk") as server:
        yield server


@pytest.fixture(scope="session")
def market(souk) -> Market:
    return Market(souk)


@pytest.fixture
def fresh(workshop, tmp_path):
    """Makes servers of a test's own; they are stopped when it ends."""
    with contextlib.ExitStack() as ends:
        def make(name: str = "souk", own_servers: bool = False, **env: str):
            server = workshop.make(tmp_path / name, own_servers, **env)
            ends.callback(server.close)
            return server

        yield make
