"""The frame holds: locks without hosts or paths, no machine's paths in the tree, commands that exist, strict CI."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"requirements.lock": "1.5.6", "requirements-duckdb2.lock": "2.0.0"}  # with the DuckDB each one pins
MACHINE = re.compile(r"(?<![\w./-])/(?:root|home|work|opt)/")
REGISTRY = re.compile(r"pypi\.(?:org)|pythonhosted\.(?:org)|npmjs\.(?:org)")


def locked(name: str) -> dict[str, tuple[str, int]]:
    """{package: (version, number of hashes)} of a lock."""
    entries = re.split(r"^(?=[a-zA-Z0-9])", (ROOT / name).read_text(encoding="utf-8"), flags=re.M)[1:]
    pins = [re.match(r"([\w.-]+)==([^\s;]+)", entry) for entry in entries]
    assert all(pins), f"{name} holds a line that pins nothing"
    return {
        canonicalize_name(pin[1]): (pin[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
        for pin, entry in zip(pins, entries, strict=True)
        if pin
    }


def direct_requirements() -> list[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(line) for line in pyproject["project"]["dependencies"] + pyproject["dependency-groups"]["dev"]]


def tracked_files() -> list[Path]:
    """Every file that git holds or would take in."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git working tree")
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_index_or_path(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.findall(r"http|--\S*index|--find-links|file:|\s@\s|^\s*[./]", text, flags=re.M)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_its_hashes(name: str) -> None:
    assert not [package for package, (_, hashes) in locked(name).items() if not hashes]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_every_direct_dependency_in_a_version_we_allow(name: str) -> None:
    pins = locked(name)
    wanted = {canonicalize_name(requirement.name): requirement for requirement in direct_requirements()}
    assert not wanted.keys() - pins.keys(), "run: make lock"
    assert not [package for package, wish in wanted.items() if not wish.specifier.contains(pins[package][0])]


@pytest.mark.parametrize(("name", "duckdb"), LOCKS.items())
def test_each_lock_pins_its_duckdb(name: str, duckdb: str) -> None:
    assert locked(name)["duckdb"][0] == duckdb


def test_the_locks_differ_only_in_duckdb() -> None:
    first, second = (locked(name) for name in LOCKS)
    assert {package for package, _ in first.items() ^ second.items()} == {"duckdb"}


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked_files():
        for number, line in enumerate(path.read_bytes().decode("utf-8", errors="replace").splitlines(), start=1):
            if MACHINE.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found


def test_the_search_for_machines_finds_them() -> None:
    for folder in ("root", "home", "work", "opt"):
        assert MACHINE.search(f"cd /{folder}/thing") and MACHINE.search(f'"/{folder}/thing"')
    assert not MACHINE.search("framework/x tests/work/x net/home/x")
    assert REGISTRY.search("https://" + "pypi" + ".org/simple")


def test_every_make_target_of_the_readme_exists() -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README yet")
    named = set(re.findall(r"(?:^[ \t$]*|`)make ([a-z][\w-]*)", readme.read_text(encoding="utf-8"), flags=re.M))
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert not named - targets


SKIPPING_TESTS = """
import pytest

@pytest.mark.database
def test_database():
    pytest.skip("no server")

@pytest.mark.browser
def test_browser():
    pytest.skip("no page")

@pytest.mark.shell
def test_shell():
    pytest.skip("no shellcheck")

@pytest.mark.slow
def test_slow():
    pytest.skip("no time")
"""
SKIPPING_MODULE = """
import pytest

pytest.skip("no server", allow_module_level=True)

@pytest.mark.database
def test_never_seen():
    pass
"""


@pytest.mark.parametrize(
    ("ci", "failed"),
    [
        ("", set()),
        ("true", {*(f"test_one.py::test_{name}" for name in ("database", "browser", "shell")), "test_whole.py"}),
    ],
)
def test_a_skip_in_ci_fails_where_the_machine_is_ours(tmp_path: Path, ci: str, failed: set[str]) -> None:
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "test_one.py").write_text(SKIPPING_TESTS, encoding="utf-8")
    (tmp_path / "test_whole.py").write_text(SKIPPING_MODULE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."]
    environment = {**os.environ, "CI": ci, "CHROMIUM_PATH": sys.executable, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert set(re.findall(r"^(?:FAILED|ERROR) (\S+)", result.stdout, flags=re.M)) == failed, result.stdout
    assert result.returncode == (1 if failed else 0)
    assert "no time" in result.stdout
