"""scripts/check-imports fails for an import that breaks the table of docs/architecture.md, and for a module graph that is out of date."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = "docs/architecture.md"
PLATFORM = "internal/platform"

pytestmark = pytest.mark.setups("souk", reason="the sources are the same beside every set-up")


class Copy:
    """A copy of what the check reads."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        for name in ("internal", "cmd", "proto", "scripts"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("Package.swift", PAGE):
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, root / name)

    def check(self, *options: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            [self.root / "scripts/check-imports", *options], capture_output=True, text=True, timeout=120)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def add_import(self, directory: str, module: str) -> str:
        """Adds a file to a module that imports another; gives the file's path."""
        file = f"{directory}/Added.swift"
        (self.root / file).write_text(f"import {module}\n")
        return file

    def declare(self, target: str, module: str) -> None:
        path = self.root / "Package.swift"
        with path.open("a") as manifest:
            manifest.write(f'package.targets.first {{ $0.name == "{target}" }}?.dependencies.append("{module}")\n')


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_the_sources_pass(copy):
    status, output = copy.check()
    assert status == 0, output


# The modules do not depend on each other the other way around: the package manager itself refuses a cycle.
@pytest.mark.parametrize("target, directory, module, complaint", [
    ("SoukTemplates", "core/templates", "SoukLogger",
        "SoukTemplates is in the layer core and may not depend on SoukLogger of the higher layer observability"),
    ("SoukCacheRedis", "data/cache-redis", "SoukAuthToken",
        "SoukCacheRedis is in the layer data and may not depend on SoukAuthToken of the higher layer identity"),
    ("SoukHTTP", "http/http", "SoukRPCRuntime",
        "SoukHTTP is in the layer http and may not depend on SoukRPCRuntime of the higher layer rpc"),
    ("SoukProcess", "host/process", "SoukTesting", "only tests and test modules may import SoukTesting, and SoukProcess is neither"),
    ("SoukService", "host/service", "SoukHTTPTesting",
        "only tests and test modules may import SoukHTTPTesting, and SoukService is neither"),
    ("SoukHTTPTesting", "http/http-testing", "SoukService",
        "SoukHTTPTesting is in the layer http and may not depend on SoukService of the higher layer host"),
    ("SoukProduct", "internal/services/product", "SoukVendorRPC", "a service serves its own kernel only, not by SoukVendorRPC"),
    ("SoukCache", "data/cache", "SoukEvents", "platform SoukCache may not import events SoukEvents"),
])
def test_a_forbidden_import_fails(copy, target, directory, module, complaint):
    file = copy.add_import(directory if directory.startswith("internal/") else f"{PLATFORM}/{directory}", module)
    copy.declare(target, module)
    status, output = copy.check()
    assert status == 1
    assert f"{file}: {complaint}" in output


def test_a_dependency_that_is_not_imported_fails(copy):
    copy.declare("SoukEnv", "SoukCache")
    assert copy.check() == (1, ["Package.swift: SoukEnv declares SoukCache and does not import it"])


def test_tests_may_import_a_higher_layer(copy):
    copy.add_import(f"{PLATFORM}/core/env/tests", "SoukHTTP")
    copy.declare("SoukEnvTests", "SoukHTTP")
    assert copy.check()[0] == 0


def test_a_module_outside_of_the_layers_fails(copy):
    shutil.move(copy.root / PLATFORM / "core", copy.root / PLATFORM / "basics")
    copy.edit("Package.swift", 'layer("core", coreModules)', 'layer("basics", coreModules)')
    status, output = copy.check()
    assert status == 1
    assert any(line.startswith(f"Package.swift: SoukErrors is in {PLATFORM}/basics/errors, not in the directory of a layer: core,")
        for line in output)


def test_an_outdated_graph_fails_until_it_is_written(copy):
    edge = "SoukTemplates --> SoukErrors"
    assert edge not in (copy.root / PAGE).read_text()
    copy.add_import(f"{PLATFORM}/core/templates", "SoukErrors")
    copy.declare("SoukTemplates", "SoukErrors")
    assert copy.check() == (1, [f"{PAGE}: the module graph is not that of the sources; run ./scripts/check-imports --write"])
    assert copy.check("--write")[0] == 0
    assert re.search(rf"^ +{edge}$", (copy.root / PAGE).read_text(), re.M)
    assert copy.check()[0] == 0


def test_the_markers_of_the_graph_must_stay(copy):
    copy.edit(PAGE, "<!-- end -->\n", "")
    status, output = copy.check("--write")
    assert status == 1 and "the markers of the module graph are missing" in output[0]
