"""./scripts/bench: its arguments, what it does with measurements, and its report. No time is judged."""

import json
import pathlib
import subprocess

import pytest
from bench import report
from bench.main import PARTS
from bench.measure import Experiment, Goal, Result, run, sample

pytestmark = pytest.mark.setups("souk", reason="the bench is the same beside every set-up")
ROOT = pathlib.Path(__file__).resolve().parents[3]


def bench(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "scripts/bench", *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments, said", [
    (["--part", "postgres,sqlite"], "there is no part sqlite"), (["--part", ","], "name at least one part"),
    (["--rounds", "0"], "rounds are 1 to 100"), (["--rounds", "many"], "rounds are 1 to 100"),
    (["--json", "/nowhere/results.json"], "no file that can be written"), (["--output", "/"], "no file that can be written"),
    (["--programs", "/nowhere"], "is no folder"), (["--fast"], "unrecognized arguments"),
])
def test_wrong_usage(arguments, said):
    done = bench(*arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_help_and_list():
    done = bench("--help")
    assert done.returncode == 0 and "--part" in done.stdout and "docs/benchmarks.md" in done.stdout
    done = bench("--list")
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()] == list(PARTS)


def results() -> list[Result]:
    """Two contenders over three rounds; ours does one case more."""
    order, rates = [], iter([90, 100, 110])

    def ours():
        order.append("ours")
        return {"read": {"rate": next(rates), "cpu_us": 4.0}, "cached": {"ns": 900.0}}

    def theirs():
        order.append("theirs")
        return {"read": {"rate": 200.0, "cpu_us": 2.0}}

    goals = {"read": [Goal("rate", at_least=0.8, times="theirs"), Goal("cpu_us", at_most=3, times="theirs"), Goal("rate", at_least=50)],
             "cached": [Goal("ns", at_most=1_000), Goal("ns", at_most=2, times="theirs")]}
    found = run("part", Experiment({"ours": ours, "theirs": theirs}, goals), 3, lambda _: None)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"], "each round begins with another one"
    return found


def test_medians_ratios_and_goals():
    read, cached = results()
    assert read.median("ours", "rate") == 100 and read.ratio("theirs", "rate") == 0.5 and read.ratio("theirs", "cpu_us") == 2
    assert [met for _, _, met in read.verdicts] == [False, True, True]
    assert [met for _, _, met in cached.verdicts] == [True, None], "what was not measured is neither met nor missed"
    assert sample({"operations": 1000, "seconds": 2, "cpu_seconds": 0.5, "p99_us": 1500}) == {"rate": 500, "cpu_us": 500, "p99_ms": 1.5}


def test_reports():
    context = {"date": "2026-01-01 00:00 UTC", "revision": "abc", "machine": report.machine(), "versions": {"wrk": "4"}, "rounds": 3, "quick": False,
               "load": [0.5, 2.5]}
    failures = {"kafka": "it was not there"}
    data = json.loads(json.dumps(report.document(results(), failures, context)))
    read = data["results"][0]
    assert read["contenders"]["ours"]["rate"] == {"median": 100, "min": 90, "max": 110, "rounds": [90, 100, 110]}
    assert read["ratios"]["theirs"]["rate"] == 0.5 and data["failures"] == failures and data["machine"]["cores"]
    shown = report.table(results(), failures)
    assert "100/s (90–110)" in shown and "goal ≥ 0.8 × theirs, its rate: missed (0.50)" in shown and "kafka: not measured: it was not there" in shown

    before = f"# Old\n\nold numbers\n\n{report.KEPT}\n\nThe disk is slow.\n"
    text = report.markdown(results(), failures, context, {"part": "About it.", "other": "Left out."}, before)
    assert text.startswith("# Benchmarks") and text.endswith(f"{report.KEPT}\n\nThe disk is slow.\n") and "old numbers" not in text
    assert "3 of 4 met" in text and "About it." in text and "Not measured: it was not there" in text
    assert "## other\n\nLeft out.\n\nNot measured: this run left it out." in text
