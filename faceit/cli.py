"""Words to one call of a chapter; the only place that prints errors and sets exit codes.

0 all is well, 1 a sentence says what to do, 2 wrong usage, 130 stopped by Ctrl-C. Heavy modules are imported by the
commands that need them, so that --help answers at once.
"""

import contextlib
import errno
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from faceit.errors import FaceitError
from faceit.options import CONFIG, parse
from faceit.plain_text import escaped


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _print_anything()
    sys.excepthook = _show_traceback
    args = parse(argv)
    try:
        COMMANDS[args.command](args)
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
        sentence = _sentence(error)
        if sentence is None:
            raise
        return _failed(error, args, sentence)


def _sentence(error: OSError) -> str | None:
    """What the system refused, with the next step; None for what no user can mend."""
    step = {errno.ENOSPC: "the disk is full: free some space and run the same command again",
                errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
                errno.EACCES: "no permission: check whose file it is",
                errno.EPERM: "no permission: check whose file it is",
                errno.EROFS: "this disk can only be read: work in another folder",
                errno.EEXIST: "a file is where a folder should be: move it away, or name another place",
                errno.ENOTDIR: "a file is where a folder should be: move it away, or name another place",
                errno.EISDIR: "a folder is where a file should be: move it away, or name another place",
                errno.EMFILE: "too many files are open: raise the limit with `ulimit -n 1024`",
                errno.ENFILE: "too many files are open on this machine: end other programs",
                errno.ENAMETOOLONG: "this name is too long for the disk: rename the file, or give a shorter name with "
                                    "--output"}.get(error.errno or 0)  # fmt: skip
    return None if step is None else f"{error.filename or 'Writing'}: {step}."


def _failed(error: Exception, args, text: str) -> int:
    if args.debug:
        raise error
    _complain(text)
    return 1


def _complain(text: str) -> None:
    print(f"faceit: {escaped(' '.join(text.splitlines()))}", file=sys.stderr)


def _tell(text: str) -> None:
    print(escaped(text))


def _print_anything() -> None:
    """A name that the terminal cannot spell is printed with escapes, rather than ending a night's work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _show_traceback(kind, error, trace) -> None:
    """As Python does, without the passwords and tokens in addresses: people show tracebacks to others."""
    import traceback

    from faceit.config.project import without_secrets

    text = "".join(traceback.format_exception(kind, error, trace))
    print(escaped(without_secrets(text)), file=sys.stderr, end="")


# --- the commands ---


def _init(args) -> None:
    from faceit.checkup.status import init

    _tell(init(args.config))


def _status(args) -> None:
    from faceit.checkup.status import status
    from faceit.config.project_file import load_project

    _tell(status(load_project(args.config)))


def _doctor(args) -> None:
    from faceit.checkup.doctor import doctor, sentence

    fails = doctor(args.config if args.config != Path(CONFIG) or args.config.exists() else None)
    if fails:
        raise FaceitError(sentence(fails))


def _estimate(args) -> None:
    from faceit.checkup.estimate import estimate
    from faceit.config.project_file import load_project

    project = load_project(args.config)
    _tell(estimate(project, project.swap(args.name)))


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
        _tell(take_choices(project, people, args.choices))
    for page in faces(project, people):
        _tell(f"Look at {page}")


def _train(args) -> None:
    from faceit.config.project_file import load_project
    from faceit.config.setting import options_of
    from faceit.config.settings import TrainSettings, overridden

    project = load_project(args.config)
    swap = project.swap(args.name)
    given = {each.name: getattr(args, each.name) for each in options_of(TrainSettings)}
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


def _end(args) -> float | None:
    """Where the part that is asked for ends, seconds of the source."""
    end = args.end if args.duration is None else (args.start or 0.0) + args.duration
    if end is not None and end <= (args.start or 0.0):
        raise FaceitError(f"The end ({end:g} s) is not after the start ({args.start or 0:g} s).")
    return end


def _convert(args) -> None:
    from faceit.config.setting import options_of
    from faceit.config.settings import ConvertSettings, overridden

    project = _project_with_model(args)
    settings = project.swaps[args.name].convert if args.name in project.swaps else ConvertSettings()
    names = ["height", *(each.name for each in options_of(ConvertSettings))]  # this order is in the keys of kept parts
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    settings = overridden(settings, **given)
    end = _end(args)
    if args.output is not None and len(args.videos) > 1 and not args.output.is_dir():
        raise FaceitError("With several videos --output is a folder that is there.")
    from faceit.convert.request import ConvertTask
    from faceit.convert.run import convert, page_of_faces, preview

    tasks = [ConvertTask(args.name, video, args.reverse, args.everyone, args.start, end, args.compare, args.output,
                         args.overwrite, tuple(args.swap), args.layer, tuple(given.items()), len(args.videos) > 1)
             for video in args.videos]  # fmt: skip
    if len(tasks) > 1:
        from faceit.convert.several import check_apart

        check_apart(project, tasks, settings)
    failed: list[str] = []
    done: list[Path] = []
    for task in tasks:
        with _going_on(len(tasks), failed):
            if args.faces:
                page_of_faces(project, task, settings, tuple(args.portrait))
            elif args.preview:
                preview(project, task, args.preview, settings, tuple(args.portrait))
            else:
                result = convert(project, task, settings, tuple(args.portrait))
                if result.is_video:  # evaluate is for those
                    done.append(result.output)
                if result.missing:
                    raise FaceitError(result.missing)
    if done:
        _measure(args, project, done)
    elif args.report and not failed:
        _tell("No report: evaluate measures videos.")
    if failed:
        raise FaceitError(f"{len(failed)} of {len(args.videos)} videos could not be converted; see above.")


@contextlib.contextmanager
def _going_on(videos: int, failed: list[str]):
    """Of several videos one that fails is named and added to ``failed``, and the next one has its turn."""
    try:
        yield
    except (FaceitError, OSError, UnicodeError) as error:
        if videos == 1:
            raise
        words = (_sentence(error) or str(error)) if isinstance(error, OSError) else str(error)
        failed.append(words)
        _complain(words)


def _measure(args, project, videos=()) -> None:
    """After train or convert: measure what was made where --report asks for it, else say how."""
    if args.report:
        _report(args, project, videos)
        return
    words = [args.name, *map(str, videos[:1])] + (["--config", str(args.config)] if args.config != Path(CONFIG) else [])
    line = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    _tell(f"How good is it? `python faceit.py evaluate {line}` measures it and writes a report.")


def _report(args, project, videos=(), **more) -> None:
    from faceit.evaluate.report import report
    from faceit.evaluate.run import evaluate_model, evaluate_video

    if not videos:
        _tell(f"Look at {report(project, evaluate_model(project, args.name, **more))}")
    failed: list[str] = []
    for video in videos:
        with _going_on(len(videos), failed):
            _tell(f"Look at {report(project, evaluate_video(project, args.name, video, **more))}")
    if failed:
        raise FaceitError(f"{len(failed)} of {len(videos)} videos could not be measured; see above.")


def _evaluate(args) -> None:
    if args.start is not None and args.source is None:
        raise FaceitError("--start says where in the --source a video begins: name that too.")
    if args.source is not None and len(args.videos) != 1:
        raise FaceitError("--source goes with one VIDEO.")
    project = _project_with_model(args)
    of_source = {"source": args.source, "start": args.start} if args.videos else {}
    _report(args, project, args.videos, reverse=args.reverse, **of_source)


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
    from faceit.config.own_folders import check_links
    from faceit.config.project import Project
    from faceit.config.project_file import load_project
    from faceit.config.settings import PreprocessSettings

    if args.config == Path(CONFIG) and not args.config.exists():
        check_links(args.config.absolute().parent)
        return Project(args.config.absolute(), {}, {}, PreprocessSettings())
    return load_project(args.config)


COMMANDS = {
    "init": _init, "status": _status, "doctor": _doctor, "estimate": _estimate, "preprocess": _preprocess,
    "faces": _faces, "train": _train, "convert": _convert, "evaluate": _evaluate, "export": _export,
    "import": _import, "demo": _demo,
}  # fmt: skip
