"""Every dependency is bounded by what was tried; the packages themselves are text."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
UNBOUNDED = {"fsspec", "pyarrow", "s3fs"}
"""Their majors come by the calendar: pyproject.toml says so."""


def _tables() -> dict[str, list[Requirement]]:
    """All requirements, by name, of all tables of both distributions."""
    found = defaultdict(list)
    for file in (ROOT / "pyproject.toml", ROOT / "sandbox" / "pyproject.toml"):
        table = tomllib.loads(file.read_text("utf-8"))
        project, groups = table["project"], table.get("dependency-groups", {})
        for line in sum(
            [*project.get("optional-dependencies", {}).values(), *groups.values()],
            [*table["build-system"]["requires"], *project["dependencies"]],
        ):
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)].append(requirement)
    return dict(found)


TABLES = _tables()


def _bounds(requirement: Requirement, *operators: str) -> list[str]:
    return [each.version for each in requirement.specifier if each.operator in operators]


@pytest.mark.parametrize("name", TABLES)
def test_it_has_a_lower_bound_and_one_upper_bound_everywhere(name: str) -> None:
    assert all(_bounds(requirement, ">=", "==") for requirement in TABLES[name])
    upper = {tuple(_bounds(requirement, "<", "==")) for requirement in TABLES[name]}
    assert upper == {()} if name in UNBOUNDED else len(upper) == 1 and all(upper), (
        f"{name}: write '<' and the next major, the same in each table: {upper}"
    )


@pytest.mark.parametrize("folder", ["langchain_visioncraft", "sandbox/visioncraft_sandbox"])
def test_a_package_is_text_and_runs_nothing_when_it_is_installed(folder: str) -> None:
    project = tomllib.loads(ROOT.joinpath(folder, "../pyproject.toml").read_text("utf-8"))
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert set(project["tool"]["hatch"]["build"]) == {"targets"}  # no hooks
    for path in ROOT.joinpath(folder).rglob("*"):
        if path.is_file() and path.parent.name != "__pycache__":
            assert "\0" not in path.read_text("utf-8")


def test_the_unbounded_are_still_used() -> None:
    assert set(TABLES) >= UNBOUNDED


@pytest.mark.parametrize("name", TABLES)
def test_what_is_installed_was_tried(name: str) -> None:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:  # of an extra or a group that is not here
        return
    for requirement in TABLES[name]:
        assert requirement.specifier.contains(installed, prereleases=True), (
            f"{name} {installed} is installed, but pyproject.toml says {requirement}: "
            "run the tests that use it, then move the bound."
        )
