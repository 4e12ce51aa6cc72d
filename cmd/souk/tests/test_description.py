"""What scripts know of the services comes from `souk describe`: of the executable just built, or a clear error."""

import json
import os

import pytest
from cluster import description, toolchain
from cluster.process import ClusterError

pytestmark = pytest.mark.setups("souk", reason="about scripts, whatever runs")


def write_program(path, output: str, status: int = 0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {status}\n")
    path.chmod(0o755)
    return path


def document(*names: str) -> str:
    return json.dumps({"services": [
        {"name": name, "executable": f"{name}-service", "ports": {"http": 8000 + number, "grpc": None}, "databases": [], "peers": [],
         "topics": [], "is_entrance": number == 0} for number, name in enumerate(names)]})


@pytest.fixture(autouse=True)
def forgotten():
    """What is asked here is forgotten afterwards."""
    description.services.cache_clear()
    yield
    description.services.cache_clear()


@pytest.mark.parametrize("output, status", [("no such command", 64), ("not JSON", 0), ("[]", 0), ('{"services": [{}]}', 0)])
def test_a_program_that_describes_nothing(tmp_path, monkeypatch, output, status):
    program = write_program(tmp_path / "souk", output, status)
    monkeypatch.setenv("SOUK_BINARY", str(program))
    with pytest.raises(ClusterError, match=f"{program} describe --json: "):
        description.services()


def test_a_program_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUK_BINARY", str(tmp_path / "souk"))
    with pytest.raises(ClusterError, match="describe --json: "):
        description.services()


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """A checkout whose sources have a service more than what was built last; gives what the shell was asked for."""
    monkeypatch.delenv("SOUK_BINARY", raising=False)
    monkeypatch.setattr(description, "ROOT", tmp_path)
    asked = []

    def shell(function: str, *arguments: str) -> str:
        asked.append((function, *arguments))
        if not function.startswith("build"):
            return ""
        folder = tmp_path / ".build" / arguments[0]
        write_program(folder / "souk", document("gateway", "auth", "reviews"))
        return "".join(f"{folder / product}\n" for product in arguments[1:])

    monkeypatch.setattr(toolchain, "shell", shell)
    yield asked
    os.environ.pop("SOUK_BINARY", None)


def test_packages_are_installed_before_the_first_build(builds):
    assert description.names() == ["gateway", "auth", "reviews"]
    assert [function.split()[0] for function, *_ in builds] == ["install_packages", "build"]


def test_a_build_asks_what_it_built(builds, tmp_path):
    write_program(tmp_path / ".build/debug/souk", document("gateway", "auth"))
    assert description.names() == ["gateway", "auth"] and not builds
    assert toolchain.build("debug", "rabbitmq", []) == tmp_path / ".build/debug"
    assert builds[-1] == ("build", "debug", "souk", "gateway-service", "auth-service", "reviews-service")
    assert description.names() == ["gateway", "auth", "reviews"]


def test_a_newer_build_of_the_other_configuration_is_not_asked(builds, tmp_path):
    toolchain.build_souk("debug")
    write_program(tmp_path / ".build/release/souk", document("gateway"))
    assert description.names() == ["gateway", "auth", "reviews"]
