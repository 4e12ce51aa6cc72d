"""scripts/proto --check goes red for whatever would break a peer of another version, or what was generated."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
USER = "souk/auth/v1/user_service.proto"
BREAKS, STALE = "the protos break the contract", "proto/ is not as it was generated"


@pytest.fixture
def check(tmp_path):
    """Runs the check on a copy of the protos that an edit was made to."""
    for folder in ("proto", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "cmd/souk/tests").mkdir(parents=True)
    shutil.copy(ROOT / "cmd/souk/tests/requirements.txt", tmp_path / "cmd/souk/tests")
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build/venv").symlink_to(ROOT / ".build/venv")

    def run(file: str = "", old: str = "", new: str = "") -> tuple[int, str]:
        if file:
            path = tmp_path / "proto" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))
        done = subprocess.run([tmp_path / "scripts/proto", "--check"], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


def test_what_is_checked_in_fits(check):
    # On a fresh machine it also says what it installs.
    assert check()[0] == 0


@pytest.mark.parametrize("old, new, complaint", [
    ("string password = 2;", "string secret = 2;", 'changed name from "password" to "secret"'),
    ("string name = 3;", "int64 name = 3;", 'changed type from "string" to "int64"'),
    ("string name = 3;", "repeated string name = 3;", "changed cardinality"),
    ("string name = 3;", "string name = 4;", 'field "3" with name "name" on message "CreateUserRequest" was deleted'),
    ("  string name = 3;\n", "", 'field "3" with name "name" on message "CreateUserRequest" was deleted'),
    ("rpc LogOutUser(", "rpc EndSession(", 'RPC "LogOutUser" on service "UserService" was deleted'),
    ("rpc LogOutUser(LogOutUserRequest)", "rpc LogOutUser(CreateUserRequest)", "request type"),
    ("service UserService", "service PeopleService", '"UserService" was deleted'),
])
def test_a_broken_contract_is_refused(check, old, new, complaint):
    status, output = check(USER, old, new)
    assert status == 1 and BREAKS in output and complaint in output, output


def test_a_message_that_is_gone_is_refused(check):
    check(USER, "(LogOutUserRequest)", "(EndSessionRequest)")
    status, output = check(USER, "message LogOutUserRequest {", "message EndSessionRequest {")
    assert status == 1 and BREAKS in output and 'message "LogOutUserRequest" was deleted' in output, output


def test_a_proto_that_does_not_compile_is_refused(check):
    status, output = check(USER, "string name = 3;", "text name = 3;")
    assert status == 1 and "the protos do not compile" in output and BREAKS not in output, output


@pytest.mark.parametrize("old, new", [
    ("string name = 3;", "string name = 3;\n  string phone = 4;"),
    ("string name = 3;", 'reserved 3;\n  reserved "name";'),
    ("// Opens a session.", "// Opens one."),
])
def test_a_compatible_change_needs_a_new_generation(check, old, new):
    status, output = check(USER, old, new)
    assert status == 1 and STALE in output and BREAKS not in output, output


def test_a_reserved_number_is_never_used_again(check, tmp_path):
    check(USER, "string name = 3;", 'reserved 3;\n  reserved "name";')
    subprocess.run(
        [ROOT / ".build/venv/bin/buf", "build", "proto", "--exclude-source-info", "--output", "proto/contract.txtpb"],
        cwd=tmp_path, check=True, timeout=60)
    status, output = check(USER, '  reserved 3;\n  reserved "name";', "  string phone = 3;")
    assert status == 1 and BREAKS in output and "reserved" in output, output


def test_edited_missing_and_new_files_are_seen(check, tmp_path):
    generated = tmp_path / "proto/generated/souk_types_v1_money.pb.swift"
    status, output = check("generated/souk_types_v1_money.pb.swift", "import", "// an edit\nimport")
    assert status == 1 and STALE in output and generated.name in output
    generated.unlink()
    assert STALE in check()[1]
    shutil.copy(ROOT / "proto/generated" / generated.name, generated)
    assert check()[0] == 0
    (tmp_path / "proto/generated/more.swift").touch()
    status, output = check()
    assert status == 1 and "more.swift" in output
