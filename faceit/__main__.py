"""`python -m faceit`."""

import sys

from faceit.cli import main

sys.exit(main())
