"""scripts/proto --check goes red for whatever would break a peer of another version, or what was generated."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
USER = "souk/auth/v1/user_service.proto"


@pytest.fixture
def check(tmp_path):
    """Runs the check on a copy of the protos that an edit was made to."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")

    def run(file: str = "", old: str = "", new: str = "") -> tuple[int, str]:
        if file:
            path = tmp_path / "proto" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))
        done = subprocess.run([tmp_path / "scripts/proto", "--check"], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    return run


def test_what_is_checked_in_fits(check):
    # On a fresh machine it also says what it installs.
    assert check()[0] == 0


@pytest.mark.parametrize("old, new, complaint", [
    ("string name = 3;", "string name = 3;\n  string phone = 4;", "has no lock"),
    ("string password = 2;", "string secret = 2;", "was password string, is secret string"),
    ("string name = 3;", "int64 name = 3;", "was name string, is name int64"),
    ("string name = 3;", "string name = 4;", "name string is gone and not reserved"),
    ("  string name = 3;\n", "", "name string is gone and not reserved"),
    ("rpc LogOutUser(", "rpc EndSession(", "is gone"),
    ("// Opens a session.", "// Opens one.", "has changed since the code was generated"),
])
def test_a_changed_proto_is_seen(check, old, new, complaint):
    status, output = check(USER, old, new)
    assert status == 1 and complaint in output


def test_a_reserved_number_may_go_but_needs_a_new_lock(check):
    status, output = check(USER, "  // 1 to 100 characters, one line.\n  string name = 3;", "  reserved 3;")
    assert status == 1 and "is gone" not in output and "has changed" in output


def test_edited_and_missing_generated_files_are_seen(check, tmp_path):
    status, output = check("generated/souk_types_v1_money.pb.swift", "import", "// an edit\nimport")
    assert status == 1 and "souk_types_v1_money.pb.swift: has changed" in output
    (tmp_path / "proto/generated/souk_types_v1_money.pb.swift").unlink()
    assert "souk_types_v1_money.pb.swift: is missing" in check()[1]
