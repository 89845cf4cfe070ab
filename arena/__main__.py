"""`python -m arena COMMAND …` is `arena COMMAND …`."""

import sys

from arena.cli import main

sys.exit(main())
