"""Words to one call of a chapter; the only place that prints errors and sets exit codes.

0 all is well, 1 a sentence says what to do, 2 wrong usage, 130 stopped by Ctrl-C. Heavy modules are imported by the
commands that need them, so that --help answers at once.
"""

import argparse
import contextlib
import errno
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from faceit import __version__
from faceit.errors import FaceitError

# settings of convert that the command line can give too
LOOKS = {
    "color": (str, "HOW", "lab, mkl, hist or none: how it takes the frame's light"),
    "mask": (str, "WHICH", "shared, extended or hull: where the face may be swapped"),
    "feather": (float, "WIDTH", "of the soft edge, in widths of the face crop"),
    "erode": (float, "WIDTH", "by which the mask is made smaller, likewise"),
    "keep": (str, "WHAT", "none, mouth, eyes or both: what stays the frame's"),
    "occlusion": (str, "HOW", "none, residual or hands: what is before the face stays there"),
    "blend": (str, "HOW", "bands, alpha or seamless"),
    "sharpen": (float, "MOST", "up to the frame's own detail"),
    "scale": (float, "TIMES", "of the swapped face"),
    "fade": (float, "SECONDS", "in which a face comes and goes"),
    "max_yaw": (float, "DEGREES", "of a turned head, beyond which the swap fades"),
}
# likewise, how the result is written
WRITES = {
    "format": (str, "KIND", "mp4, mov, mkv, webm, gif, webp, or png, jpg: a folder of pictures"),
    "codec": (str, "NAME", "h264, h265, vp9, prores or ffv1"),
    "encoder": (str, "NAME", "software, auto (hardware where it works), nvenc, qsv, amf, videotoolbox or vaapi"),
    "crf": (int, "N", "the encoder's quality number, 0 to 51"),
    "preset": (str, "SPEED", "ultrafast to veryslow"),
}
DESCRIPTION = "From a list of videos to a face-swapped video: preprocess, train, convert."
EPILOG = "Start with `python faceit.py demo`. Docs: README.md, docs/configuration.md, docs/troubleshooting.md."
CONFIG = "faceit.yaml"
# the options of train that are settings of the YAML as well
TRAIN_SETTINGS = ("minutes", "iterations", "until", "batch_size", "warm_start", "snapshots", "tensorboard")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _print_anything()
    args = _parser().parse_args(argv, argparse.Namespace(config=Path(CONFIG), debug=False))
    try:
        args.run(args)
        sys.stdout.flush()
        return 0
    except FaceitError as error:
        return _failed(error, args, str(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "faceit":
            raise  # a bug of ours
        mend = "begin commands with .venv/bin/python, or ask `python faceit.py doctor`"
        return _failed(error, args, f"{error.name} is not installed for {sys.executable}: {mend}.")
    except KeyboardInterrupt:
        resumes = args.command in ("preprocess", "train", "convert", "demo")
        rest = "The same command goes on from here." if resumes else "Nothing half-written is left."
        print(f"\nStopped. {rest}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `faceit.py status | head`
        with contextlib.suppress(OSError, ValueError):  # or Python complains once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        said = {errno.ENOSPC: "the disk is full: free some space and run the same command again",
                errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
                errno.EACCES: "no permission: check whose file it is",
                errno.EPERM: "no permission: check whose file it is",
                errno.EROFS: "this disk can only be read: work in another folder",
                errno.EEXIST: "a file is where a folder should be: move it away, or name another place",
                errno.ENOTDIR: "a file is where a folder should be: move it away, or name another place",
                errno.EISDIR: "a folder is where a file should be: move it away, or name another place",
                errno.ENAMETOOLONG: "this name is too long for the disk"}.get(error.errno)  # fmt: skip
        if said is None:
            raise
        return _failed(error, args, f"{error.filename or 'Writing'}: {said}.")


def _failed(error: Exception, args, text: str) -> int:
    if args.debug:
        raise error
    _complain(text)
    return 1


def _complain(text: str) -> None:
    print(f"faceit: {' '.join(text.splitlines())}", file=sys.stderr)


def _print_anything() -> None:
    """A name that the terminal cannot spell is printed with escapes, rather than ending a night's work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    # before COMMAND or after it; without defaults of its own, so that neither place undoes the other
    everywhere = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--config", type=_path, metavar="FILE",
                            help=f"the project's YAML file (default: {CONFIG} in this folder)")  # fmt: skip
    everywhere.add_argument("--debug", action="store_true", help="show the traceback of errors too")
    parser = argparse.ArgumentParser(prog="faceit.py", description=DESCRIPTION, epilog=EPILOG, parents=[everywhere])
    parser.add_argument("--version", action="version", version=f"faceit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, text: str):
        sub = commands.add_parser(name, parents=[everywhere], help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(run=run)
        return sub

    command("init", _init, "write a commented faceit.yaml to start from")
    command("status", _status, "list people, videos, faces and swaps, and how far each is")
    command("doctor", _doctor, "check that all is here that the main job needs, and works")
    sub = command("estimate", _estimate, "measure for ten seconds how long a swap will take here, and how much disk")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML")
    _add_preprocess(command)
    sub = command("faces", _faces, "write a page with every face that was found, to look at and to tick")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML, for both of its people, or a person")
    sub.add_argument("--choices", type=_path, metavar="FILE", help="put what that page saved in its place first")
    _add_train(command)
    _add_convert(command)
    _add_evaluate(command)
    _add_share(command)
    sub = command("demo", _demo, "the whole job on two public-domain portraits, in about three minutes")
    sub.add_argument("--dir", type=_path, default=Path("demo"), help="where to put it (default: demo)")
    sub.add_argument("--minutes", type=_minutes, default=1.0, help="of training (default: 1)")
    return parser


def _add_preprocess(command) -> None:
    sub = command("preprocess", _preprocess, "download the videos, find the right people's faces, align them")
    sub.add_argument("name", nargs="?", metavar="NAME", help="a swap of the YAML: both of its people")
    sub.add_argument("--person", action="append", default=[], help="only this person (may be given again)")


def _add_train(command) -> None:
    sub = command("train", _train, "train the swap's network; run again, it goes on")
    sub.add_argument("name", metavar="NAME", help="a swap of the YAML")
    length = sub.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_minutes, help="of training in all, earlier runs counted in")
    length.add_argument("--iterations", type=_count_or_none,
                        help="steps in all, instead of minutes; 0: the first swap, which needs none")  # fmt: skip
    sub.add_argument("--until", choices=("end", "plateau"),
                     help="plateau: where the loss on held-out faces stands still, at the latest as above")  # fmt: skip
    sub.add_argument("--batch-size", type=_count, help="faces per side and step")
    sub.add_argument("--preset", choices=("auto", "cpu", "gpu", "original"),
                     help="the network (default: as in the YAML)")  # fmt: skip
    sub.add_argument("--warm-start", metavar="SWAP", help="begin from another trained swap's weights")
    sub.add_argument("--snapshots", type=_count, metavar="N", help="keep N whole states, evenly over the run")
    sub.add_argument("--restore", metavar="STEP", help="train nothing: go back to a snapshot, or to `best`")
    sub.add_argument("--tensorboard", action="store_true", default=None, help="write event files for TensorBoard")
    sub.add_argument("--report", action="store_true", help="measure the swap at the end, and write its report")


def _add_convert(command) -> None:
    sub = command("convert", _convert, "put the face into a video and keep its sound")
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
    looks = sub.add_argument_group("how the face goes in", "before the YAML, for every swap; try them with --preview")
    looks.add_argument("--height", type=_count, help="pixels of the result, at most the source's")
    writes = sub.add_argument_group("how the result is written", "likewise before the YAML")
    writes.add_argument("--layer", action="store_true",
                        help="also write the faces alone, with their opacity, for editors (ProRes 4444)")  # fmt: skip
    for group, words in ((looks, LOOKS), (writes, WRITES)):
        for name, (kind, metavar, said) in words.items():
            group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=said)
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
    sub = command("evaluate", _evaluate, "measure how good a swap is, and write a report")
    sub.add_argument("name", metavar="SWAP", help="a trained or imported swap")
    sub.add_argument("videos", nargs="*", type=_path, metavar="VIDEO",
                     help="made by convert (default: convert and measure what was held out of training)")  # fmt: skip
    sub.add_argument("--reverse", action="store_true", help="the `to` person has the `from` face")
    sub.add_argument("--source", type=_path, metavar="FILE",
                     help="what VIDEO was made from (default: as the .json beside it says)")  # fmt: skip
    sub.add_argument("--start", type=_time, help="where in the source VIDEO begins, with --source")


def _add_share(command) -> None:
    sub = command("export", _export, "write a trained swap as one file, to share")
    sub.add_argument("name", metavar="SWAP")
    sub.add_argument("file", type=_path, metavar="FILE")
    sub.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    sub = command("import", _import, "put an exported swap in place")
    sub.add_argument("file", type=_path, metavar="FILE")
    sub.add_argument("--as", dest="name", metavar="NAME", help="under this name")


def _time(text: str) -> float:
    from faceit.config.project import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds or minutes:seconds, not {text!r}") from None


def _minutes(text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0.01 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"expected 0.01 to 100000 minutes, not {text!r}")
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


# --- the commands ---


def _init(args) -> None:
    from faceit.checkup.status import init

    print(init(args.config))


def _status(args) -> None:
    from faceit.checkup.status import status
    from faceit.config.project_file import load_project

    print(status(load_project(args.config)))


def _doctor(args) -> None:
    from faceit.checkup.doctor import doctor, sentence

    fails = doctor(args.config if args.config != Path(CONFIG) or args.config.exists() else None)
    if fails:
        raise FaceitError(sentence(fails))


def _estimate(args) -> None:
    from faceit.checkup.estimate import estimate
    from faceit.config.project_file import load_project

    project = load_project(args.config)
    print(estimate(project, project.swap(args.name)))


def _preprocess(args) -> None:
    from faceit.config.project_file import load_project

    project = load_project(args.config)
    if args.name is None and not args.person:
        raise FaceitError(f"Name a swap ({', '.join(project.swaps) or 'none yet'}), or people with --person.")
    people = list(project.people.values())
    if args.name is not None:
        people = _people(project, args.name)
    if args.person:
        wanted = [project.person(name) for name in dict.fromkeys(args.person)]
        strangers = [person.name for person in wanted if person not in people]
        if strangers:
            raise FaceitError(f"{strangers[0]} is not in {args.name}: leave out the one or the other.")
        people = wanted
    from faceit.preprocess.run import preprocess

    preprocess(project, people)


def _people(project, name: str) -> list:
    """Both people of a swap, or one person."""
    if name in project.people and name not in project.swaps:
        return [project.person(name)]
    swap = project.swap(name)
    return [swap.a, swap.b]


def _faces(args) -> None:
    from faceit.config.project_file import load_project
    from faceit.preprocess.review_page import faces, take_choices

    project = load_project(args.config)
    people = _people(project, args.name)
    if args.choices is not None:
        print(take_choices(project, people, args.choices))
    for page in faces(project, people):
        print(f"Look at {page}")


def _train(args) -> None:
    from faceit.config.project_file import load_project
    from faceit.config.settings import overridden

    project = load_project(args.config)
    swap = project.swap(args.name)
    given = {key: getattr(args, key) for key in TRAIN_SETTINGS}
    if args.restore is not None:
        if any(value is not None for value in (*given.values(), args.preset)):
            raise FaceitError("--restore trains nothing: give it alone, then train on without it.")
        from faceit.train.restore import restore

        restore(project, swap.name, args.restore)
        return
    settings = overridden(swap.train, **given)
    if args.minutes is not None:
        import dataclasses

        settings = dataclasses.replace(settings, iterations=None)  # the command line's budget is the budget
    from faceit.train.run import train

    if train(project, swap, args.preset, settings) is not None:  # of several machines the first one has it
        _measure(args, project)


def _convert(args) -> None:
    from faceit.config.settings import ConvertSettings, overridden

    project = _project_with_model(args)
    settings = project.swaps[args.name].convert if args.name in project.swaps else ConvertSettings()
    given = {name: value for name in ("height", *LOOKS, *WRITES) if (value := getattr(args, name)) is not None}
    settings = overridden(settings, **given)
    end = args.end
    if args.duration is not None:
        end = (args.start or 0.0) + args.duration
    if end is not None and end <= (args.start or 0.0):
        raise FaceitError(f"The end ({end:g} s) is not after the start ({args.start or 0:g} s).")
    if args.output is not None and len(args.videos) > 1 and not args.output.is_dir():
        raise FaceitError("With several videos --output is a folder that is there.")
    from faceit.convert.request import ConvertTask
    from faceit.convert.run import convert, page_of_faces, preview

    failed, done = [], []
    for video in args.videos:
        task = ConvertTask(args.name, video, args.reverse, args.everyone, args.start, end, args.compare, args.output,
                           args.overwrite, tuple(args.swap), args.layer, tuple(given.items()))  # fmt: skip
        try:
            if args.faces:
                page_of_faces(project, task, settings, tuple(args.portrait))
            elif args.preview:
                preview(project, task, args.preview, settings, tuple(args.portrait))
            else:
                result = convert(project, task, settings, tuple(args.portrait))
                if result.is_video:  # evaluate is for those
                    done.append(result.output)
        except FaceitError as error:
            if len(args.videos) == 1:
                raise
            failed.append(error)
            _complain(str(error))
    if done:
        _measure(args, project, done)
    elif args.report and not failed:
        print("No report: evaluate measures videos.")
    if failed:
        raise FaceitError(f"{len(failed)} of {len(args.videos)} videos could not be converted; see above.")


def _measure(args, project, videos=()) -> None:
    """After train or convert: measure what was made where --report asks for it, else say how."""
    if args.report:
        _report(project, args.name, videos)
        return
    words = [args.name, *map(str, videos[:1])] + (["--config", str(args.config)] if args.config != Path(CONFIG) else [])
    line = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    print(f"How good is it? `python faceit.py evaluate {line}` measures it and writes a report.")


def _report(project, name: str, videos=(), **more) -> None:
    from faceit.evaluate.report import report
    from faceit.evaluate.run import evaluate_model, evaluate_video

    if not videos:
        print(f"Look at {report(project, evaluate_model(project, name, **more))}")
    failed = 0
    for video in videos:
        try:
            print(f"Look at {report(project, evaluate_video(project, name, video, **more))}")
        except FaceitError as error:
            if len(videos) == 1:
                raise
            failed += 1
            _complain(str(error))
    if failed:
        raise FaceitError(f"{failed} of {len(videos)} videos could not be measured; see above.")


def _evaluate(args) -> None:
    if args.start is not None and args.source is None:
        raise FaceitError("--start says where in the --source a video begins: name that too.")
    if args.source is not None and len(args.videos) != 1:
        raise FaceitError("--source goes with one VIDEO.")
    project = _project_with_model(args)
    of_source = {"source": args.source, "start": args.start} if args.videos else {}
    _report(project, args.name, args.videos, reverse=args.reverse, **of_source)


def _export(args) -> None:
    from faceit.share import export_model

    export_model(_project_or_none(args), args.name, args.file, args.overwrite)


def _import(args) -> None:
    from faceit.share import import_model

    import_model(_project_or_none(args), args.file, args.name)


def _demo(args) -> None:
    from faceit.demo.run import demo

    demo(args.dir, args.minutes)


def _project_with_model(args):
    """The project, in whose YAML or models the swap ``args.name`` is. FaceitError with the nearest name."""
    from faceit.config.project_file import load_project
    from faceit.config.settings import nearest

    project = _project_or_none(args)
    if args.name not in project.swaps:
        project.model_dir(args.name)  # fails for what can be no name
        models = project.model_names()
        if args.name not in models and not project.file.exists():
            load_project(project.file)  # fails with what to do about that
        if args.name not in models:
            raise FaceitError(f"There is no swap '{args.name}'{nearest(args.name, [*project.swaps, *models])}")
    return project


def _project_or_none(args):
    """The project, or an empty one here: an imported model needs no YAML."""
    from faceit.config.project import Project
    from faceit.config.project_file import load_project
    from faceit.config.settings import PreprocessSettings

    if args.config == Path(CONFIG) and not args.config.exists():
        return Project(args.config.absolute(), {}, {}, PreprocessSettings())
    return load_project(args.config)
