"""What importing the command line loads."""

import subprocess
import sys


def test_help_loads_no_torch() -> None:
    code = "import sys; from arena.cli import main; main(['--help']); assert 'torch' not in sys.modules, 'torch was loaded'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
