"""`python -m faceit`."""

import os
import sys

# Python looks for libraries in the current folder first, which may be a stranger's project with a yaml.py
_HERE, _HOUSE = os.path.realpath(os.getcwd()), os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if _HERE != _HOUSE:
    sys.path[:] = [place for place in sys.path if os.path.realpath(place) != _HERE]

from faceit.cli import main  # noqa: E402

sys.exit(main())
