"""./scripts/dev as a developer uses it: up, a look round, a kill, down."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import pytest
from cluster.description import behind_the_gateway, names

pytestmark = pytest.mark.setups("rabbitmq", "kafka", reason="./scripts/dev starts a process per service")
ROOT = pathlib.Path(__file__).resolve().parents[3]


class Dev:
    """./scripts/dev with a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def __call__(self, command: str, *arguments: str, status: int = 0) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SOUK_")}
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/dev", command, "--dir", self.folder, *arguments], env=clean, capture_output=True,
            text=True, timeout=900)
        assert done.returncode == status, done.stdout + done.stderr[-3000:]
        return done.stdout + done.stderr

    def states(self, status: int = 0) -> dict[str, tuple[str, str]]:
        """Part → pid and state."""
        lines = re.findall(r"^  (\w+)\s+(\d*)\s+(?:\d+ MB)?\s+127\.0\.0\.1:\d*\s+(.*)$", self("status", status=status), re.M)
        return {name: (pid, state) for name, pid, state in lines}


@pytest.fixture
def dev():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="souk-dev-"))
    made = Dev(folder)
    yield made
    made("down")


def test_up_a_look_round_and_down(dev, setup):
    assert "nothing runs" in dev("status", status=1)
    said = dev("up", "--broker", setup, "--ports", "free")
    url = re.search(r"Souk is up at (\S+) with " + setup, said)[1]
    states = dev.states()
    assert set(states) == {"postgres", "redis", setup, *names()}
    assert {state for _, state in states.values()} == {"ready"}
    with urllib.request.urlopen(f"{url}/openapi.json") as reply:
        assert json.load(reply)["openapi"].startswith("3.1")

    password = dev.folder / "admin-password"
    for script, *arguments in [["demo"], ["replay", str(ROOT / "cmd/souk/tests/invoices")]]:
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / script, *arguments, "--url", url, "--admin-password-file", password],
            capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "reconciled: " in done.stdout

    # Again: what runs is left alone, and the other broker refused.
    again = dev("up")
    assert "order runs already" in again and dev.states() == states
    other = "kafka" if setup == "rabbitmq" else "rabbitmq"
    assert f"it runs with {setup}" in dev("up", "--broker", other, status=1)

    dev("kill", "order")
    now = dev.states(status=1)
    assert now["order"] == ("", "killed") and now["payment"] == states["payment"]
    assert "order was killed" in dev("up")
    now = dev.states()
    assert now["order"][0] != states["order"][0]
    dev("restart", "vendor", "redis")
    assert dev.states()["vendor"][0] != states["vendor"][0]
    dev("stop", "notification")
    assert dev.states(status=1)["notification"] == ("", "stopped")
    assert "ready after" in dev("start", "notification")

    for line in dev("logs", "order", "-n", "3").splitlines():
        assert json.loads(line)["service"]
    told = dev("env", "order")
    assert "export SOUK_ORDER_DATABASE_URL=" in told and password.read_text() not in told
    assert re.search(r"stopped \d+ processes and deleted its data", dev("down"))
    assert not dev.folder.exists() and "nothing runs" in dev("down")


def test_some_services_only_and_data_that_is_kept(dev, setup):
    said = dev("up", "--broker", setup, "--ports", "free", "--services", "auth,product")
    left_out = [name for name in behind_the_gateway() if name not in ("auth", "product")]
    assert f"left out   {', '.join(left_out)}" in said
    states = dev.states(status=1)
    assert all(states[name][0] for name in ("gateway", "auth", "product", "postgres", "redis", setup))
    assert not any(states[name][0] for name in left_out)
    password = (dev.folder / "admin-password").read_text()
    assert "kept its data" in dev("down", "--keep-data")
    assert (dev.folder / "admin-password").read_text() == password
    before = json.loads((dev.folder / "cluster.json").read_text())["ports"]
    url = re.search(r"Souk is up at (\S+)", dev("up"))[1]
    assert url.endswith(f":{before['gateway']}")
    assert {state for _, state in dev.states().values()} == {"ready"}


@pytest.mark.parametrize("arguments, said", [
    (["up", "--broker", "pigeons"], "invalid choice"), (["up", "--services", "order,basket"], "there is no service basket"),
    (["up", "--ports", "8080"], "invalid choice"), (["fly"], "invalid choice"), ([], "COMMAND"),
    (["logs"], "NAME"), (["kill"], "NAME"),
])
def test_wrong_usage(arguments, said):
    done = subprocess.run([ROOT / "scripts/dev", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_help():
    for arguments in ([], ["up"], ["status"], ["logs"], ["kill"], ["restart"], ["env"], ["down"]):
        done = subprocess.run([ROOT / "scripts/dev", *arguments, "--help"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and "--help" in done.stdout
