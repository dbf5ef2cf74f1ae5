"""``python -m vggscope``."""

import sys

from vggscope.cli.main import main

sys.exit(main())
