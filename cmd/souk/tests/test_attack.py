"""scripts/attack: what it prints is what it saw."""

import json
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts/attack"

pytestmark = pytest.mark.setups("souk", reason="the script starts a server of its own")


def attack(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=120)


def test_a_neighbour_is_served_during_an_attack(binary, tmp_path):
    figures = tmp_path / "figures.json"
    done = attack("--binary", str(binary), "--only", "none,slow-bodies", "--seconds", "5", "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    quiet, slow = json.loads(figures.read_text())
    assert (quiet["attack"], slow["attack"]) == ("none", "slow-bodies")
    for row in (quiet, slow):
        assert row["survived"] and row["failures"] == 0 and row["requests"] > 5, row
    # The attack was one: connections were held, and no more than the client's share.
    assert 0 < int(slow["note"].split()[0]) <= 512, slow


def test_the_list_and_wrong_options():
    listed = attack("--list")
    assert listed.returncode == 0 and "slow-bodies" in listed.stdout and "h2-rapid-reset" in listed.stdout
    for arguments, said in ((["--only", "nonsense"], "unknown attack"), (["--seconds", "0"], "1 to 600"), (["--binary", "/nowhere"], "does not exist")):
        wrong = attack(*arguments)
        assert wrong.returncode == 2 and said in wrong.stderr
