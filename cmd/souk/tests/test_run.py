"""./scripts/run as a newcomer uses it, and what souk is linked with."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

pytestmark = pytest.mark.setups("souk", reason="./scripts/run starts the one process; test_dev has ./scripts/dev")
ROOT = pathlib.Path(__file__).resolve().parents[3]
RUN = ROOT / "scripts/run"


class Run:
    """A running ./scripts/run; `text` is what it printed until it was ready."""

    def __init__(self, *arguments):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SOUK_")}
        self.process = subprocess.Popen(
            [RUN, *arguments], env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        self.text = "".join(lines)

    def __enter__(self):
        assert "Souk is ready" in self.text, self.process.communicate()[1][-3000:]
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=60)

    def tries(self) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if line.strip().startswith("curl")]


def shell(line: str) -> dict:
    return json.loads(subprocess.run(["bash", "-c", line], check=True, capture_output=True, text=True).stdout)


def test_a_newcomer_gets_a_market_and_lines_that_work(tmp_path):
    data = tmp_path / "market"
    with Run("--port", "0", "--data", str(data)) as run:
        answers = [shell(line) for line in run.tries()]
        assert len(answers) == 3
        assert answers[0]["meta"]["total_count"] == 200 and len(answers[0]["data"]) == 3
        assert answers[1]["data"]["access_token"]
        assert {c["slug"] for c in answers[2]["data"]} == {"home", "stationery", "garden"}
        memory = int(re.search(r"(\d+) MB resident", run.text)[1])
        assert memory < 100, run.text
    with Run("--port", "0", "--data", str(data)) as run:  # the demo data is there already
        assert shell(run.tries()[0])["meta"]["total_count"] == 200
    with Run("--port", "0", "--data", str(data), "--fresh", "--no-demo") as run:
        assert shell(run.tries()[0])["meta"]["total_count"] == 0
        assert shell(run.tries()[1])["data"]["user"]["email"] == "admin@souk.example"


def test_help_and_bad_options(tmp_path):
    def run(*arguments) -> subprocess.CompletedProcess:
        return subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=120)

    shown = run("--help")
    assert shown.returncode == 0 and all(o in shown.stdout for o in ("--port", "--data", "--fresh", "--help"))
    for wrong in (["--prot", "1"], ["--port", "abc"], ["--port", "70000"], ["--data"]):
        result = run(*wrong)
        assert result.returncode == 2 and result.stderr.startswith("error:"), (wrong, result.stderr)
    mine = tmp_path / "photographs"
    mine.mkdir()
    (mine / "holiday.jpg").write_text("x")
    refused = run("--data", str(mine), "--fresh")
    assert refused.returncode == 2 and (mine / "holiday.jpg").exists()


def test_souk_links_no_client_of_a_server(binary):
    libraries = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    assert "libsqlite3" in libraries and "libargon2" in libraries
    for unwanted in ("libpq", "hiredis", "rdkafka", "rabbitmq", "libcurl", "grpc"):
        assert unwanted not in libraries
