#!/usr/bin/env python3
"""The door: `python faceit.py COMMAND ...`. Everything behind it is in the package beside it."""

import sys

from faceit.cli import main

if __name__ == "__main__":
    sys.exit(main())
