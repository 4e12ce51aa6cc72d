"""End-to-end tests of the gateway: its real executable alone, between clients and services that are sockets of these tests.

`GATEWAY_BINARY` names the executable; without it the one beside `SOUK_BINARY` is tested.
"""

import contextlib
import itertools
import os
import pathlib
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts/lib"))

from gateway_process import Gateway  # noqa: E402
from recorder import Upstream  # noqa: E402


@pytest.fixture(scope="session")
def gateway_binary() -> pathlib.Path:
    gateway = os.environ.get("GATEWAY_BINARY")
    if not gateway:
        souk = os.environ.get("SOUK_BINARY")
        assert souk, "GATEWAY_BINARY or SOUK_BINARY names what to test; ./scripts/test sets it"
        return (pathlib.Path(souk).parent / "gateway").absolute()
    return pathlib.Path(gateway).absolute()


@pytest.fixture(scope="session")
def identity(tmp_path_factory) -> pathlib.Path:
    """A folder of service keys: made once, as openssl takes its time."""
    return tmp_path_factory.mktemp("identity")


@pytest.fixture(scope="session")
def workshop(gateway_binary, identity, tmp_path_factory):
    """Makes gateways and upstreams; what is made with it lives as long as its `with` does."""
    serial = itertools.count(1)
    # Says at once that it has no keys: a gateway that asks nobody for them asks longer, also when it is to end.
    keyless = Upstream(lambda exchange: exchange.reply(503))

    @contextlib.contextmanager
    def make():
        with contextlib.ExitStack() as ends:
            yield Workbench(ends, gateway_binary, identity, lambda: tmp_path_factory.mktemp(f"gateway{next(serial)}"), keyless)

    yield make
    keyless.close()


class Workbench:
    def __init__(self, ends, binary, identity, folder, keyless):
        self.ends, self.binary, self.identity, self.folder = ends, binary, identity, folder
        self.defaults = {"SOUK_JWKS_URL": f"http://{keyless}/jwks.json"}

    def upstream(self, **options) -> Upstream:
        upstream = Upstream(**options)
        self.ends.callback(upstream.close)
        return upstream

    def gateway(self, policy: str, start: bool = True, env: dict[str, str] | None = None, **values) -> Gateway:
        """A gateway with that policy, in which `$name` stands for a value: an upstream's address, a path."""
        gateway = Gateway(self.folder(), self.binary, self.identity, policy, values, self.defaults | (env or {}))
        self.ends.callback(gateway.close)
        return gateway.start() if start else gateway


@pytest.fixture
def bench(workshop):
    """For gateways and upstreams of a test's own."""
    with workshop() as made:
        yield made


@pytest.fixture(scope="module")
def shared_bench(workshop):
    """For what all tests of a file share."""
    with workshop() as made:
        yield made


# What most tests need of a gateway: everything passes, nothing is counted.
PLAIN = """
upstreams:
  app: {targets: ["$app"]}
defaults:
  rate_limits: []
  max_body: 256MiB
  breaker: off
  concurrency: off
routes:
  - {path: /app/**, upstream: app}
"""


@pytest.fixture(scope="session")
def session_bench(workshop):
    with workshop() as made:
        yield made


@pytest.fixture(scope="session")
def plain_upstream(session_bench) -> Upstream:
    return session_bench.upstream()


@pytest.fixture(scope="session")
def plain_gateway(session_bench, plain_upstream) -> Gateway:
    return session_bench.gateway(PLAIN, app=plain_upstream)


@pytest.fixture
def app(plain_upstream) -> Iterator[Upstream]:
    """The service behind `/app/**` of `gateway`; whatever it gets must be whole and unambiguous requests."""
    yield plain_upstream
    assert plain_upstream.faults == []


@pytest.fixture
def gateway(plain_gateway) -> Iterator[Gateway]:
    """A gateway that tests share which don't disturb it."""
    yield plain_gateway
    assert plain_gateway.is_running, plain_gateway.tail()
