"""The command line's commands and options, and how words become values.

Options that are settings of the YAML too are made from those (``faceit.config.settings``).
"""

import argparse
import re
from pathlib import Path

from faceit import __version__
from faceit.config.setting import Setting, options_of, settings_of
from faceit.config.settings import FACE, RESULT, ConvertSettings, ModelSettings, TrainSettings

DESCRIPTION = "From a list of videos to a face-swapped video: preprocess, train, convert."
EPILOG = "Start with `python faceit.py demo`. Docs: README.md, docs/configuration.md, docs/troubleshooting.md."
CONFIG = "faceit.yaml"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The words of a command line, those of this process by default. SystemExit: 2 for wrong usage, 0 after --help."""
    return _parser().parse_args(argv, argparse.Namespace(config=Path(CONFIG), debug=False))


def _parser() -> argparse.ArgumentParser:
    # before COMMAND or after it; without defaults of its own, so that neither place undoes the other
    everywhere = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--config", type=_path, metavar="FILE",
                            help=f"the project's YAML file (default: {CONFIG} in this folder)")  # fmt: skip
    everywhere.add_argument("--debug", action="store_true", help="show the traceback of errors too")
    parser = argparse.ArgumentParser(prog="faceit.py", description=DESCRIPTION, epilog=EPILOG, parents=[everywhere])
    parser.add_argument("--version", action="version", version=f"faceit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[everywhere], help=text, description=text[0].upper() + text[1:] + ".")

    command("init", "write a commented faceit.yaml to start from")
    command("status", "list people, videos, faces and swaps, and how far each is")
    command("doctor", "check that all is here that the main job needs, and works")
    sub = command("estimate", "measure for ten seconds how long a swap will take here, and how much disk")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML")
    _add_preprocess(command)
    sub = command("faces", "write a page with every face that was found, to look at and to tick")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML, for both of its people, or a person")
    sub.add_argument("--choices", type=_path, metavar="FILE", help="put what that page saved in its place first")
    _add_train(command)
    _add_convert(command)
    _add_evaluate(command)
    _add_share(command)
    sub = command("demo", "the whole job on two public-domain portraits, in about three minutes")
    sub.add_argument("--dir", type=_path, default=Path("demo"), help="where to put it (default: demo)")
    sub.add_argument("--minutes", type=_minutes, default=1.0, help="of training (default: 1)")
    return parser


def _add_preprocess(command) -> None:
    sub = command("preprocess", "download the videos, find the right people's faces, align them")
    sub.add_argument("name", nargs="?", metavar="NAME", help="a swap of the YAML: both of its people")
    sub.add_argument("--person", action="append", default=[], help="only this person (may be given again)")


def _add_train(command) -> None:
    sub = command("train", "train the swap's network; run again, it goes on")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML")
    settings = sub.add_argument_group("settings", "they come before what the YAML says")
    length = settings.add_mutually_exclusive_group()
    for each in options_of(TrainSettings) + options_of(ModelSettings):
        _add_setting(length if each.name in ("minutes", "iterations") else settings, each)
    sub.add_argument("--restore", metavar="STEP", help="train nothing: go back to a snapshot, or to `best`")
    sub.add_argument("--report", action="store_true", help="measure the swap at the end, and write its report")


def _add_convert(command) -> None:
    sub = command("convert", "put the face into a video and keep its sound")
    sub.add_argument("name", metavar="NAME", help="a trained or imported swap")
    sub.add_argument("videos", nargs="+", metavar="VIDEO", help="files or URLs; photos, or folders of them, too")
    sub.add_argument("--reverse", action="store_true", help="the other way: the `to` person gets the `from` face")
    sub.add_argument("--everyone", action="store_true", help="swap every face, whoever it is")
    sub.add_argument("--swap", action="append", default=[], metavar="OTHER",
                     help="another trained swap, made in the same video; may be given again")  # fmt: skip
    sub.add_argument("--portrait", type=_path, action="append", default=[], metavar="FILE",
                     help="who is to be swapped (default: the person's portrait)")  # fmt: skip
    sub.add_argument("--start", type=_time, help="seconds, or minutes:seconds")
    length = sub.add_mutually_exclusive_group()
    length.add_argument("--duration", type=_time, help="how much, from the start")
    length.add_argument("--end", type=_time, help="where to end")
    face = sub.add_argument_group(FACE, "before what the YAML says, for every swap; try them with --preview")
    result = sub.add_argument_group(RESULT, "likewise")
    for each in options_of(ConvertSettings):
        _add_setting({FACE: face, RESULT: result}[each.group], each)
    result.add_argument("--layer", action="store_true",
                        help="also write the faces alone, with their opacity, for editors (ProRes 4444)")  # fmt: skip
    both = sub.add_mutually_exclusive_group()
    both.add_argument("--side-by-side", action="store_const", dest="compare", const="side",
                      help="also write the original and the result together: --compare side")  # fmt: skip
    both.add_argument("--compare", choices=("side", "stacked", "wipe"),
                      help="likewise; one above the other, or split by a moving line")  # fmt: skip
    sub.add_argument("--preview", type=_count, metavar="N",
                     help="only N frames, spread over the video, in one picture: a look before a long run")  # fmt: skip
    sub.add_argument("--faces", action="store_true",
                     help="only a page with everyone in the video, and who would be swapped: a look, too")  # fmt: skip
    sub.add_argument("--output", type=_path, metavar="FILE", help="where to (default: data/output/NAME/)")
    sub.add_argument("--overwrite", action="store_true", help="replace results that are there")
    sub.add_argument("--report", action="store_true", help="measure the result, and write its report")


def _add_evaluate(command) -> None:
    sub = command("evaluate", "measure how good a swap is, and write a report")
    sub.add_argument("name", metavar="SWAP", help="a trained or imported swap")
    sub.add_argument("videos", nargs="*", type=_path, metavar="VIDEO",
                     help="made by convert (default: convert and measure what was held out of training)")  # fmt: skip
    sub.add_argument("--reverse", action="store_true", help="the `to` person has the `from` face")
    sub.add_argument("--source", type=_path, metavar="FILE",
                     help="what VIDEO was made from (default: as the .json beside it says)")  # fmt: skip
    sub.add_argument("--start", type=_time, help="where in the source VIDEO begins, with --source")


def _add_share(command) -> None:
    sub = command("export", "write a trained swap as one file, to share")
    sub.add_argument("name", metavar="SWAP")
    sub.add_argument("file", type=_path, metavar="FILE")
    sub.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    sub = command("import", "put an exported swap in place")
    sub.add_argument("file", type=_path, metavar="FILE")
    sub.add_argument("--as", dest="name", metavar="NAME", help="under this name")


def _time(text: str) -> float:
    from faceit.config.project import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds or minutes:seconds, not {text!r}") from None


def _minutes(text: str) -> float:
    setting = settings_of(TrainSettings)["minutes"]
    assert setting.range is not None
    value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not setting.range[0] <= value <= setting.range[1]:
        raise argparse.ArgumentTypeError(f"expected {setting.values} minutes, not {text!r}")
    return value


def _count_or_none(text: str) -> int:
    return 0 if text.strip() == "0" else _count(text)


def _count(text: str) -> int:
    value = int(text) if re.fullmatch("[0-9]{1,12}", text) else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, not {text!r}")
    return value


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"there is no such home folder: {text!r}") from None


# options whose words are read more strictly than by their type alone
READ_BY = {
    "minutes": _minutes, "iterations": _count_or_none, "batch_size": _count, "snapshots": _count, "height": _count,
}  # fmt: skip


def _add_setting(parser, setting: Setting) -> None:
    """An option for a setting; without it the value is None, and the YAML's counts."""
    text = setting.help.replace("%", "%%")
    if setting.kind is bool:
        parser.add_argument(setting.flag, action="store_true", default=None, help=text)
        return
    # where a metavar hides them, the help lists the values, and the settings check them (``overridden``)
    if setting.metavar and (setting.choices or setting.range) and setting.name not in READ_BY:
        text += f" ({setting.values})"
    parser.add_argument(setting.flag, type=READ_BY.get(setting.name, setting.kind), metavar=setting.metavar, help=text,
                        choices=None if setting.metavar else setting.choices or None)  # fmt: skip
