"""The one way into YAML: its nodes, by the safe loader. Who reads them decides what may stand there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from faceit.errors import ConfigError


@contextlib.contextmanager
def composed(file: Path, text: str) -> Iterator[tuple[yaml.SafeLoader, yaml.Node | None]]:
    """(loader, root node) of a file's text, None where nothing stands there. ConfigError names the line where it is no
    YAML, also for what the loader raises within the block."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            yield loader, loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        line = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{file.name}{line}: this is not YAML: {e.problem or e.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as e:
        raise ConfigError(f"{file.name}: this is not YAML: {str(e).splitlines()[0]}") from None
