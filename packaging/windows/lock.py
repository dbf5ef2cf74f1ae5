"""Write ``requirements.lock``: what the Windows program is made of, by version and hash.

    python packaging/windows/lock.py             the newest that pyproject.toml allows

pip reads markers (``sys_platform``) as those of the system that it runs on, so what Windows alone
needs is named here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TOP: Final = Path(__file__).resolve().parents[2]
LOCK: Final = Path(__file__).with_name("requirements.lock")
_TARGET: Final = ("--platform", "win_amd64", "--python-version", "3.13", "--only-binary=:all:")
_WINDOWS: Final = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "python_version": "3.13",
    "python_full_version": "3.13.2",
}
# Of tqdm, and of PyInstaller.
_ON_WINDOWS_ALONE: Final = ("colorama", "pefile", "pywin32-ctypes")


def wanted(project: dict[str, Any]) -> list[str]:
    """What ``project``, as pyproject.toml has it, needs on Windows, and what freezes it."""
    # Python alone does not bring them, and whoever only downloads or installs has nothing else.
    from packaging.markers import default_environment  # noqa: PLC0415
    from packaging.requirements import Requirement  # noqa: PLC0415

    extra = project["optional-dependencies"]["package"]
    environment = {**default_environment(), **_WINDOWS}
    requirements = [Requirement(text) for text in (*project["dependencies"], *extra)]
    chosen = []
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            chosen.append(str(requirement))
    return [*chosen, *_ON_WINDOWS_ALONE]


def as_lock(items: Iterable[dict[str, Any]]) -> str:
    """The lock file of what pip reports that it would install."""
    lines = []
    for item in items:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name.lower().replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}")
    head = "# Written by packaging/windows/lock.py: Windows on x86-64, Python 3.13.\n"
    return head + "\n".join(sorted(lines)) + "\n"


def main() -> int:
    with (TOP / "pyproject.toml").open("rb") as stream:
        requirements = wanted(tomllib.load(stream)["project"])
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "-qq", "--dry-run"),
                *("--ignore-installed", "--target", scratch, *_TARGET),
                *("--report", report, *requirements),
            ],
            check=True,
        )
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    LOCK.write_text(as_lock(items), encoding="utf-8")
    sys.stderr.write(f"{LOCK}: {len(items)} packages\n")
    return 0


def download(folder: Path) -> None:
    """Fetch all that the lock file names into ``folder``; pip checks the hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--no-deps", *_TARGET),
            *("--require-hashes", "-r", LOCK, "-d", folder),
        ],
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
