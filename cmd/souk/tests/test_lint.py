"""scripts/lint goes red for a fault of each kind, and says which linter found it."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Scripts without an extension among them.
FAULTS = {
    "buf": ("proto/souk/types/v1/money.proto", "message Money {", "message shared_money {}\n\nmessage Money {", "PascalCase"),
    "ruff": ("scripts/demo", "\ndef main(", "\ndef collect(found=[]):\n    return found\n\n\ndef main(", "B006"),
    "mypy": ("scripts/bench", "\nif __name__", '\nlength: int = "long"\n\nif __name__', "[assignment]"),
    "shellcheck": ("scripts/run", "\nsource ", "\nrm -rf $folder/*\nsource ", "SC2115"),
    "yamllint": ("deploy/gateway/gateway.yaml", "\ninclude: marketplace\n", "\ninclude: marketplace\ninclude: nothing\n", "duplication of key"),
    "zizmor": (".github/workflows/ci.yml", "run: bash .ci/run", "run: echo ${{ github.head_ref }}", "template-injection"),
    "vacuum": ("docs/openapi.yaml", "\n  schemas:\n", "\n  schemas:\n    Forgotten: {type: string}\n", "Forgotten"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What is linted, as a repository of its own."""
    copy = tmp_path_factory.mktemp("lint")
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", ":!*.swift", ":!*.bin"],
        cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, found.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    (copy / ".build").mkdir()
    (copy / ".build/venv").symlink_to(ROOT / ".build/venv")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    return copy


def lint(where: pathlib.Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([where / "scripts/lint", *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("linter", FAULTS)
def test_a_fault_of_each_kind_is_found(copy, linter):
    name, old, new, complaint = FAULTS[linter]
    file = copy / name
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    try:
        status, output = lint(copy, linter)
    finally:
        file.write_text(text)
    assert status == 1 and complaint in output and name.split("/")[-1].removesuffix(".yaml") in output, output
    assert f"findings of {linter}" in output


@pytest.mark.parametrize("argument", ["pylint", "--fix"])
def test_wrong_usage(argument):
    status, output = lint(ROOT, argument)
    assert status == 2 and argument in output and "--help" in output
