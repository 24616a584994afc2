"""The one way into YAML: its nodes, by the safe loader. Who reads them decides what may stand there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from faceit.config.yaml_hints import parse_hint, space_hint
from faceit.errors import ConfigError


class _BoundedLoader(yaml.SafeLoader):
    """Stops at more nodes than the file can need, before they fill the memory."""

    most_nodes = 0

    def compose_node(self, parent, index):
        self.most_nodes -= 1
        if self.most_nodes < 0:
            raise yaml.YAMLError("it has too many entries")
        return super().compose_node(parent, index)


@contextlib.contextmanager
def composed(file: Path, text: str,
             most_nodes: int = 1_000_000) -> Iterator[tuple[yaml.SafeLoader, yaml.Node | None]]:  # fmt: skip
    """(loader, root node) of a file's text, None where nothing stands there. ConfigError names the line where it is no
    YAML, also for what the loader raises within the block."""
    try:
        loader = _BoundedLoader(text)
        loader.most_nodes = most_nodes
        try:
            yield loader, loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as e:
        problem, lines = e.problem or e.context or "", text.splitlines()
        mark = e.problem_mark or e.context_mark
        if "end of stream" in problem:  # what has no end is looked for where it begins
            mark = e.context_mark or mark
        line = f" line {mark.line + 1}" if mark else ""
        at = mark.line if mark else -1
        said, before = (lines[n] if 0 <= n < len(lines) else "" for n in (at, at - 1))
        hint = space_hint(text, mark.line if mark else None) or parse_hint(problem, said, before)
        raise ConfigError(f"{file.name}{line}: this is not YAML: {problem:.200}{hint}") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as e:
        raise ConfigError(f"{file.name}: this is not YAML: {str(e).splitlines()[0]:.200}") from None
