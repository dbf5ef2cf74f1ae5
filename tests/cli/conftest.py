from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vggscope.cli.main import main

if TYPE_CHECKING:
    from support import Run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``vggscope`` in this process: (status, stdout, stderr).

    Tests of one command have a fixture of this name that adds the command's.
    """

    def vggscope(*words: object) -> tuple[int, str, str]:
        try:
            status = main(list(map(str, words)))
        except SystemExit as ended:  # argparse
            status = int(ended.code or 0)
        output = capsys.readouterr()
        return status, output.out, output.err

    return vggscope
