"""The workflow that makes releases: it runs nowhere here, so at least its words are checked."""

from __future__ import annotations

import plistlib
import re
from typing import Any

import pytest
import yaml

from .scripts import TOP, script

FILE = TOP / ".github" / "workflows" / "release.yml"
TEXT = FILE.read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = [step["run"] for step in STEPS if "run" in step]


def test_three_systems_are_built_and_tried() -> None:
    machines = {name: job["runs-on"] for name, job in JOBS.items()}
    assert machines["windows"] == "windows-latest"
    assert machines["macos"] == "macos-14"
    assert machines["linux"] == "ubuntu-22.04"
    assert set(JOBS["draft"]["needs"]) == {"linux", "windows", "macos"}


def test_the_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    used = {target for command in COMMANDS for target in re.findall(r"\bmake ([a-z-]+)$", command)}
    assert used == {"linux-packages", "linux-smoke"}
    assert used <= targets


def test_the_scripts_exist() -> None:
    used = {path for text in COMMANDS for path in re.findall(r"packaging/[\w./-]+", text)}
    assert len(used) == 4
    assert all((TOP / path).is_file() for path in used), used


def test_actions_are_pinned() -> None:
    for line in TEXT.splitlines():
        if "uses:" in line:
            assert re.search(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_nothing_may_write_but_the_draft() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["draft"]
    assert "--draft" in TEXT


@pytest.mark.parametrize("name", JOBS)
def test_no_job_hangs_for_hours(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 60


def test_without_secrets_it_only_does_not_sign() -> None:
    with_secrets = [step for step in STEPS if "secrets." in str(step)]
    assert len(with_secrets) == 2
    for step in with_secrets:
        assert step["if"] == "env.CERTIFICATE != ''"
        # Where a command's text is, others could read them.
        assert "secrets." not in step["run"]


def test_mac_asks_for_the_camera_with_the_right_to_ask() -> None:
    with (TOP / "packaging" / "macos" / "entitlements.plist").open("rb") as stream:
        rights = plistlib.load(stream)
    assert rights["com.apple.security.device.camera"] is True
    told = script("bundle").info_plist("1.2.3")
    assert "Pictures never leave this computer." in told["NSCameraUsageDescription"]
    assert told["LSMinimumSystemVersion"] == "14.0"
    kinds = [kind["LSItemContentTypes"] for kind in told["CFBundleDocumentTypes"]]
    assert ["public.image"] in kinds
    # Nobody's pictures are to open here from now on without being asked.
    assert {kind["LSHandlerRank"] for kind in told["CFBundleDocumentTypes"]} == {"Alternate"}
