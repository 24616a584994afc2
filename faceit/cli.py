"""Words to one call of a stage; the only place that prints errors and sets exit codes.

0 all is well, 1 a sentence says what to do, 2 wrong usage, 130 stopped by Ctrl-C. Heavy modules are imported by the
commands that need them, so that --help answers at once.
"""

import argparse
import errno
import sys
from pathlib import Path

from . import __version__
from .errors import FaceitError

DESCRIPTION = "From a list of videos to a face-swapped video: preprocess, train, convert."
EPILOG = "Start with `python faceit.py demo`. Docs: README.md, docs/configuration.md, docs/troubleshooting.md."
CONFIG = "faceit.yaml"


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except FaceitError as error:
        return _failed(error, args, str(error))
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `faceit.py status | head`
        sys.stderr.close()
        return 1
    except OSError as error:
        said = {errno.ENOSPC: "the disk is full: free some space and run the same command again",
                errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
                errno.EACCES: "no permission: check whose file it is",
                errno.EROFS: "this disk can only be read: work in another folder"}.get(error.errno)  # fmt: skip
        if said is None:
            raise
        return _failed(error, args, f"{error.filename or 'Writing'}: {said}.")


def _failed(error: Exception, args, text: str) -> int:
    if args.debug:
        raise error
    print(f"faceit: {text}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faceit.py", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"faceit {__version__}")
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--config", type=Path, default=Path(CONFIG), metavar="FILE",
                            help=f"the project's YAML file (default: {CONFIG} in this folder)")  # fmt: skip
    everywhere.add_argument("--debug", action="store_true", help="show the traceback of errors too")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, text: str):
        sub = commands.add_parser(name, parents=[everywhere], help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(run=run)
        return sub

    command("init", _init, "write a commented faceit.yaml to start from")
    command("status", _status, "list people, videos, faces and swaps, and how far each is")
    _add_preprocess(command)
    _add_train(command)
    _add_convert(command)
    _add_share(command)
    sub = command("demo", _demo, "the whole job on two public-domain portraits, in about five minutes")
    sub.add_argument("--dir", type=Path, default=Path("demo"), help="where to put it (default: demo)")
    sub.add_argument("--minutes", type=_minutes, default=3.0, help="of training (default: 3)")
    return parser


def _add_preprocess(command) -> None:
    sub = command("preprocess", _preprocess, "download the videos, find the right people's faces, align them")
    sub.add_argument("name", nargs="?", metavar="NAME", help="a swap of the YAML: both of its people")
    sub.add_argument("--person", action="append", default=[], help="only this person (may be given again)")


def _add_train(command) -> None:
    sub = command("train", _train, "train the swap's network; run again, it goes on")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML")
    sub.add_argument("--minutes", type=_minutes, help="of training in all, earlier runs counted in")
    sub.add_argument("--iterations", type=_count, help="steps in all, instead of minutes")
    sub.add_argument("--batch-size", type=_count, help="faces per side and step")
    sub.add_argument("--preset", choices=("auto", "lite", "original"), help="the network (default: as in the YAML)")
    sub.add_argument("--warm-start", metavar="SWAP", help="begin from another trained swap's weights")


def _add_convert(command) -> None:
    sub = command("convert", _convert, "put the face into a video and keep its sound")
    sub.add_argument("name", metavar="NAME", help="a trained or imported swap")
    sub.add_argument("videos", nargs="+", metavar="VIDEO", help="files or URLs")
    sub.add_argument("--reverse", action="store_true", help="the other way: the `to` person gets the `from` face")
    sub.add_argument("--everyone", action="store_true", help="swap every face, whoever it is")
    sub.add_argument("--portrait", type=Path, action="append", default=[], metavar="FILE",
                     help="who is to be swapped (default: the person's portrait)")  # fmt: skip
    sub.add_argument("--start", type=_time, help="seconds, or minutes:seconds")
    length = sub.add_mutually_exclusive_group()
    length.add_argument("--duration", type=_time, help="how much, from the start")
    length.add_argument("--end", type=_time, help="where to end")
    sub.add_argument("--height", type=_count, help="pixels of the result, at most the source's")
    sub.add_argument("--side-by-side", action="store_true", help="also write the original and the result together")
    sub.add_argument("--output", type=Path, metavar="FILE", help="where to (default: data/output/NAME/)")
    sub.add_argument("--overwrite", action="store_true", help="replace results that are there")


def _add_share(command) -> None:
    sub = command("export", _export, "write a trained swap as one file, to share")
    sub.add_argument("name", metavar="SWAP")
    sub.add_argument("file", type=Path, metavar="FILE")
    sub.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    sub = command("import", _import, "put an exported swap in place")
    sub.add_argument("file", type=Path, metavar="FILE")
    sub.add_argument("--as", dest="name", metavar="NAME", help="under this name")


def _time(text: str) -> float:
    from .project import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds or minutes:seconds, not {text!r}") from None


def _minutes(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 100_000:
        raise argparse.ArgumentTypeError("expected 0.01 to 100000 minutes")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expected a whole number from 1 on")
    return value


# --- the commands ---


def _init(args) -> None:
    from .stages.overview import init

    print(init(args.config.expanduser()))


def _status(args) -> None:
    from .project import load_project
    from .stages.overview import status

    print(status(load_project(args.config)))


def _preprocess(args) -> None:
    from .project import load_project

    project = load_project(args.config)
    if args.person:
        people = [project.person(name) for name in args.person]
    elif args.name in project.people and args.name not in project.swaps:
        people = [project.person(args.name)]
    elif args.name:
        swap = project.swap(args.name)
        people = [swap.a, swap.b]
    else:
        raise FaceitError(f"Name a swap ({', '.join(project.swaps) or 'none yet'}), or people with --person.")
    from .stages.preprocess import preprocess

    preprocess(project, people)


def _train(args) -> None:
    from .project import load_project
    from .settings import overridden

    project = load_project(args.config)
    swap = project.swap(args.name)
    settings = overridden(swap.train, minutes=args.minutes, iterations=args.iterations, batch_size=args.batch_size)
    if args.minutes is not None and args.iterations is None:
        import dataclasses

        settings = dataclasses.replace(settings, iterations=None)  # the command line's budget is the budget
    from .stages.train import train

    train(project, swap, args.preset, settings, args.warm_start)


def _convert(args) -> None:
    from .settings import ConvertSettings, overridden

    project = _project_or_none(args)
    if args.name in project.swaps:
        settings = project.swaps[args.name].convert
    else:
        settings = ConvertSettings()
        if not (project.model_dir(args.name) / "model.json").exists():
            project.swap(args.name)  # fails with the nearest name
    settings = overridden(settings, height=args.height)
    end = args.end
    if args.duration is not None:
        end = (args.start or 0.0) + args.duration
    if end is not None and end <= (args.start or 0.0):
        raise FaceitError(f"The end ({end:g} s) is not after the start ({args.start or 0:g} s).")
    if args.output is not None and len(args.videos) > 1 and not args.output.is_dir():
        raise FaceitError("With several videos --output is a folder that is there.")
    from .stages.convert import Task, convert

    failed = []
    for video in args.videos:
        task = Task(args.name, video, args.reverse, args.everyone, args.start, end, args.side_by_side, args.output,
                    args.overwrite)  # fmt: skip
        try:
            convert(project, task, settings, tuple(args.portrait))
        except FaceitError as error:
            if len(args.videos) == 1:
                raise
            failed.append(error)
            print(f"faceit: {error}", file=sys.stderr)
    if failed:
        raise FaceitError(f"{len(failed)} of {len(args.videos)} videos could not be converted; see above.")


def _export(args) -> None:
    from .stages.share import export_model

    export_model(_project_or_none(args), args.name, args.file.expanduser(), args.overwrite)


def _import(args) -> None:
    from .stages.share import import_model

    import_model(_project_or_none(args), args.file.expanduser(), args.name)


def _demo(args) -> None:
    from .stages.demo import demo

    demo(args.dir.expanduser(), args.minutes)


def _project_or_none(args):
    """The project, or an empty one here: an imported model needs no YAML."""
    from .project import Project, load_project
    from .settings import PreprocessSettings

    if args.config == Path(CONFIG) and not args.config.exists():
        return Project(args.config.absolute(), {}, {}, PreprocessSettings())
    return load_project(args.config)
