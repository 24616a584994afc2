"""What benchmarks of one swap in one video share: their command line, and what converts as it says."""

import argparse
from pathlib import Path

from faceit.config.project_file import load_project
from faceit.convert.request import ConversionRequest, Converter, ConvertTask


def parser_of(doc: str) -> argparse.ArgumentParser:
    """A parser that begins a command line with VIDEO --config FILE --swap NAME [--reverse] [--out PICTURE]; ``doc`` is
    the benchmark's own."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--swap", required=True)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--out", type=Path)
    return parser


def converter_of(args: argparse.Namespace) -> Converter:
    """What swaps as such a command line says."""
    task = ConvertTask(args.swap, str(args.video), reverse=args.reverse)
    request = ConversionRequest(load_project(args.config), task, None)
    request.learn(())
    return request.converter()
