"""`tools/bootstrap.sh` in a toy checkout: what every make target does before anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the Makefile is for Unix")

SCRIPT = Path(__file__).parents[1] / "tools" / "bootstrap.sh"

# Says of every package but those in ABSENT that it is installed; like Debian 13, it knows the
# GLib library by its new name only.
DPKG_QUERY = """\
#!/bin/sh
shift 2
for name; do
    case " $ABSENT libglib2.0-0 " in *" $name "*) continue ;; esac
    case $name in *t64) [ $name = libglib2.0-0t64 ] || continue ;; esac
    echo "installed $name"
done
exit 1
"""

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "vggscope"
dynamic = ["version"]
"""

# A build backend without dependencies, so that pip needs no network.
BACKEND = """\
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "vggscope-1-py3-none-any.whl"
    info = "vggscope-1.dist-info/"
    purelib = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("vggscope.py", "def main(): print('started')")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: vggscope\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", purelib)
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nvggscope = vggscope:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise NotImplementedError
"""


def bootstrap(
    checkout: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "NO_APT": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "ABSENT": "",
        **variables,
    }
    return subprocess.run(
        ["bash", checkout / "tools" / "bootstrap.sh", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def start(checkout: Path) -> str:
    return subprocess.check_output([checkout / ".venv" / "bin" / "vggscope"], text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"dpkg-query": DPKG_QUERY, "apt-get": "#!/bin/sh\nexit 1\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    folder = tmp_path / "a check-out"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "tools")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    return folder


def test_names_missing_packages_and_changes_nothing(checkout: Path) -> None:
    absent = {"ABSENT": "libxcb-cursor0 libegl1 xvfb"}

    assert bootstrap(checkout, "--print-missing").stdout == ""
    assert bootstrap(checkout, "--print-missing", **absent).stdout == "libegl1\nlibxcb-cursor0\n"
    with_display = bootstrap(checkout, "--xvfb", "--print-missing", **absent)
    assert with_display.stdout == "libegl1\nlibxcb-cursor0\nxvfb\n"
    assert not (checkout / ".venv").exists()


def test_refuses_a_python_that_is_none(checkout: Path) -> None:
    result = bootstrap(checkout, PYTHON="python-of-nowhere")

    assert result.returncode == 1
    assert result.stderr == "PYTHON=python-of-nowhere is not a working Python 3.11 or newer.\n"
    assert not (checkout / ".venv").exists()


def test_the_life_of_an_environment(checkout: Path) -> None:
    first = bootstrap(checkout, PYTHON=sys.executable, ABSENT="libegl1")
    assert first.returncode == 0, first.stderr
    assert "apt-get install -y --no-install-recommends libegl1\n" in first.stderr
    assert "Installing VGGscope into .venv" in first.stderr
    assert start(checkout) == "started\n"

    second = bootstrap(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    # An update that fails before anything was installed leaves what is there in use.
    (checkout / "backend.py").write_text("raise SystemExit('no network today')")
    failed = bootstrap(checkout, "dev")
    assert failed.returncode == 1
    assert "no network today" in failed.stderr
    assert "pip could not install VGGscope" in failed.stderr
    (checkout / "backend.py").write_text(BACKEND)
    assert bootstrap(checkout).stderr == ""

    moved = checkout.rename(checkout.with_name("moved"))
    rebuilt = bootstrap(moved, PYTHON=sys.executable)
    assert "Making .venv anew: it was made in another folder." in rebuilt.stderr
    assert start(moved) == "started\n"
