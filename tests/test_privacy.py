"""Nothing leaves this computer, and nothing but our own files is left on it.

The program runs in an empty home folder without a network: in a network namespace of its own
where that is permitted (Linux, root or user namespaces), and always under an audit hook that
records and refuses whatever Python itself would send.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support import command
from vggscope import paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="HOME and network namespaces are Linux's"
)
TIMEOUT = 120
DEVICES = ".cache/vggscope/devices.json"
LOG = ".local/state/vggscope/log/vggscope.log"
SITECUSTOMIZE = """
import os, sys

def refuse(event, arguments):
    resolving = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
    sending = event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")
    # Sockets of this computer alone have a path for an address, or none.
    if resolving or sending and isinstance(arguments[1], tuple):
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{event} {arguments!r}\\n")
        raise PermissionError("no network in this test")

sys.addaudithook(refuse)
"""


def without_network() -> list[str]:
    """What to put before a command so that it has no network; nothing where it cannot be done."""
    for options in (["--net"], ["--net", "--map-root-user"]):
        if unshare := shutil.which("unshare"):
            probe = subprocess.run([unshare, *options, "true"], capture_output=True, check=False)
            if probe.returncode == 0:
                return [unshare, *options]
    return []


class Home:
    """An empty home folder, and processes that know of no other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self._attempts = folder / "attempts"
        hook = folder / "hook"
        for part in (hook, self.folder, self.folder / "run", self.folder / "tmp"):
            part.mkdir(mode=0o700)
        (hook / "sitecustomize.py").write_text(SITECUSTOMIZE)
        kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
        self._environment = kept | {
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_DATA_HOME": str(self.folder / ".local" / "share"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_STATE_HOME": str(self.folder / ".local" / "state"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QT_QPA_PLATFORM": "offscreen",
            "ATTEMPTS": str(self._attempts),
        }

    def start(self, words: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*without_network(), *words],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, words: list[str]) -> tuple[int, str, str]:
        """(status, stdout, stderr)."""
        with self.start(words) as child:
            out, err = child.communicate(timeout=TIMEOUT)
        return child.returncode, out, err

    @property
    def files(self) -> set[str]:
        """What was left below it."""
        return {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if not path.is_dir()
        }

    @property
    def attempts(self) -> str:
        """What Python tried to send."""
        return self._attempts.read_text() if self._attempts.exists() else ""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def photo() -> str:
    return str(paths.resource("samples", "pizza.jpg"))


def test_classify(home: Home, photo: str) -> None:
    status, out, err = home.run(command("classify", photo))
    assert status == 0
    assert all(line.startswith("vggscope: trying ") for line in err.splitlines())
    assert "pizza" in out
    assert home.files == {LOG, DEVICES}
    assert home.attempts == ""


def test_doctor(home: Home) -> None:
    status, out, _ = home.run(command("doctor"))
    assert status == 0, out
    assert home.files == {LOG, DEVICES}
    assert home.attempts == ""


def test_web_addresses(home: Home) -> None:
    status, out, _ = home.run(command("classify", "https://example.invalid/cat.jpg"))
    assert status == 1
    assert "is a web address" in out
    assert home.attempts == ""


def test_python_api(home: Home, photo: str) -> None:
    code = f"import vggscope; vggscope.Classifier.load().classify({photo!r})"
    status, _, err = home.run([sys.executable, "-c", code])
    assert (status, err) == (0, "")
    assert home.files == {DEVICES}
    assert home.attempts == ""


def test_children_inherit_the_switch(home: Home) -> None:
    code = (
        "import subprocess, sys; import vggscope.inference.runtime;"
        "subprocess.run([sys.executable, '-c', 'import onnxruntime'], check=True)"
    )
    status, _, err = home.run([sys.executable, "-c", code])
    assert (status, err) == (0, "")
    assert home.files == set()


def test_window(home: Home, photo: str) -> None:
    with home.start(command("--verbose", photo)) as window:
        deadline = time.monotonic() + TIMEOUT
        log = home.folder / LOG
        while not (log.exists() and "Classified 1, " in log.read_text(encoding="utf-8")):
            assert window.poll() is None, window.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        window.send_signal(signal.SIGTERM)
        _, err = window.communicate(timeout=TIMEOUT)
    assert window.returncode == 0
    assert "Traceback" not in err
    assert LOG in home.files
    strangers = {
        file
        for file in home.files
        if not file.startswith((".cache/vggscope/", ".config/vggscope/", ".local/state/vggscope/"))
    }
    assert strangers == set()
    assert not any("crash-" in file or "running-" in file for file in home.files)
    assert home.attempts == ""


# --- this module would notice -----------------------------------------------------------------


def test_control_onnxruntime_alone_leaves_traces(home: Home) -> None:
    """With its telemetry on, the very same home folder is no longer empty."""
    status, _, err = home.run([sys.executable, "-c", "import onnxruntime"])
    assert status == 0, err
    if not home.files:
        import onnxruntime  # noqa: PLC0415

        pytest.skip(f"onnxruntime {onnxruntime.__version__} leaves nothing even so")
    assert any("onnxruntime" in file for file in home.files)


def test_control_attempts_are_seen(home: Home) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    status, _, err = home.run([sys.executable, "-c", code])
    assert status == 1
    assert "PermissionError" in err
    assert home.attempts != ""


def test_control_there_is_no_network(home: Home) -> None:
    if not without_network():
        pytest.skip("no network namespaces here: the audit hook alone stands guard")
    code = "import pathlib; print(pathlib.Path('/proc/net/dev').read_text())"
    _, out, _ = home.run([sys.executable, "-c", code])
    interfaces = [line.split(":")[0].strip() for line in out.splitlines() if ":" in line]
    assert interfaces in ([], ["lo"])
    code = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    bare = [*without_network(), sys.executable, "-I", "-c", code]
    child = subprocess.run(bare, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert "Network is unreachable" in child.stderr
