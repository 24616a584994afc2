"""The rest of a source beside its new pictures: its sound, subtitles, chapters and metadata, in one file with them."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.files import replacing
from faceit.media import process
from faceit.media.container import tags as tags_of
from faceit.media.formats import CONTAINERS, Container
from faceit.media.probe import clock_jumps, decodable, late_by, opened
from faceit.media.subtitles import cut_subtitles
from faceit.media.video import SEEK_MARGIN_S, seek

SOUND_BITRATE = "192k"
TRIED_S = 2.0  # of a sound, before hours of work
TEXTS = frozenset({"mov_text", "subrip", "ass", "ssa", "webvtt", "text"})  # subtitles that are letters, not pictures
# of a source's own tags, what goes along: others tell where, when and with what somebody filmed, and who
KEPT_TAGS, KEPT_OF_STREAMS = ("title",), ("title", "language")
NOTHING = "v:99?"  # of an input: a stream that it has not and need not have, so that its chapters come along


def mux(
    picture: Path,
    source: Path | None,
    out: Path,
    *,
    length: float,
    start: float | None = None,
    duration: float | None = None,
    comment: str | None = None,
    title: str | None = None,
) -> list[str]:
    """Put the pictures of the file ``picture`` (``length`` seconds), and what else ``source`` has, into ``out``.

    The pictures are copied, and so are sound and subtitles that a file of out's ending may hold; others are encoded
    anew. What is drawn, as the subtitles of discs are, cannot be: gives what was left out, in words. ``start`` and
    ``duration``, seconds on the source's clock, say which part of it belongs to the pictures. ``out`` is whole or
    unchanged. Raises MediaError when the sound cannot be put in.
    """
    kind = CONTAINERS[out.suffix.lower()]
    taken = length if duration is None else min(length, duration)
    rest = _Rest(source, start or 0.0, taken, part=bool(start) or duration is not None)
    streams = _streams(source) if source else []
    sounds = [s for s in streams if s.kind == "audio"]
    texts = [s for s in streams if s.kind == "subtitle" and (s.codec in kind.texts or s.codec in TEXTS)]
    said = {key: value for key, value in (("title", title), ("comment", comment)) if value}
    tags = [f"{key}={value}" for key, value in ((_kept_tags(source) if source else {}) | said).items()]
    with replacing(out, error=MediaError) as part, tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        cut = _cut(rest, texts, Path(folder))
        for copy, words in _attempts(kind, sounds, [] if cut is None else texts):
            problem = _written(picture, sounds, words, cut or {}, rest, kind, part, tags, copy=copy)
            if problem is None and _sounds_in(part) != len(sounds):
                problem = "the sound is missing in the result"
            if problem is None:
                left = len(streams) - len(sounds) - len(words)
                return [f"{left} of its subtitles do not fit into {out.suffix} files"] if left else []
        raise MediaError(f"{out} cannot be written: {problem}.")


def picture_path(path: Path, ending: str = ".mp4") -> Path:
    """The hidden file beside the video ``path`` in which its pictures are gathered, before ``mux``."""
    return path.with_name(f".{path.stem}.picture.part{ending}")


def check_sound(path: Path, start: float | None = None, ending: str = ".mp4") -> None:
    """Try the first seconds of a video's sound, so that a bad one shows before hours of work and not after."""
    import ffmpeg

    streams = [stream for stream in _streams(path) if stream.kind == "audio"]
    if not streams:
        return
    kind = CONTAINERS[ending]
    options: dict[str, Any] = {}
    source = _input(_Rest(path, start or 0.0, TRIED_S), streams)
    audible = [source[str(s.index)] for s in streams]
    for n, stream in enumerate(streams):
        options |= _sound_options(n, kind, stream.codec in kind.sounds)
    problem = process.problem(process.command(ffmpeg.output(*audible, "pipe:", format="null", t=TRIED_S, **options)))
    if problem is not None:
        raise MediaError(f"{path}: its sound cannot be read: {problem}.")


@dataclass(frozen=True)
class _Stream:
    kind: str  # audio | subtitle
    index: int  # in the file
    codec: str
    late_s: float
    tags: dict[str, str]  # those that go along


@dataclass(frozen=True)
class _Rest:
    """Which part of a source belongs to the pictures, in seconds; ``path`` is None where nothing comes from one."""

    path: Path | None
    start: float
    length: float
    part: bool = False  # and not all of it


def _attempts(kind: Container, sounds: list[_Stream], texts: list[_Stream]) -> list[tuple[bool, list[_Stream]]]:
    """Whether to copy sounds, and which subtitles to take, in the order in which it is tried."""
    copies = [True, False] if any(s.codec in kind.sounds for s in sounds) else [False]
    return [(copy, words) for words in ([texts, []] if texts else [[]]) for copy in copies]


def _streams(path: Path) -> list[_Stream]:
    with opened(path) as container:
        moves = clock_jumps(container)
        return [
            _Stream(s.type, s.index, s.codec_context.codec.canonical_name, late_by(container, s) if moves else 0.0,
                    {key: s.metadata[key] for key in KEPT_OF_STREAMS if s.metadata.get(key)})  # fmt: skip
            for s in (*container.streams.audio, *container.streams.subtitles)
            if decodable(s)
        ]


def _kept_tags(path: Path) -> dict[str, str]:
    with opened(path) as container:
        told = tags_of(container)
    return {key: told[key] for key in KEPT_TAGS if told.get(key)}


def _sounds_in(path: Path) -> int:
    with opened(path) as container:
        return len(container.streams.audio)


def _input(rest: _Rest, streams: list[_Stream]):
    import ffmpeg

    assert rest.path is not None, "its streams come from it"
    forgotten = min((s.late_s for s in streams), default=0.0)
    return ffmpeg.input(process.file_name(rest.path), **seek(rest.start, forgotten, SEEK_MARGIN_S))


def _cut(rest: _Rest, texts: list[_Stream], folder: Path) -> dict[int, Path] | None:
    """Subtitles of a part of the source as files of their own, by the number of their stream; None where ffmpeg cannot
    read them."""
    cut: dict[int, Path] = {}
    if rest.path is None or not rest.part:
        return cut
    for stream in (s for s in texts if s.codec in TEXTS):
        cut[stream.index] = folder / f"{stream.index}.srt"
        if cut_subtitles(rest.path, stream.index, rest.start, rest.length, cut[stream.index]) is not None:
            return None
    return cut


def _written(picture: Path, sounds: list[_Stream], texts: list[_Stream], cut: dict[int, Path], rest: _Rest,
             kind: Container, part: Path, tags: list[str], *, copy: bool) -> str | None:  # fmt: skip
    """Write ``part``; the reason when ffmpeg fails. ``copy`` False encodes every sound anew."""
    import ffmpeg

    silent = [index for index, file in cut.items() if not file.stat().st_size]  # ffmpeg opens no empty ones
    texts = [s for s in texts if s.index not in silent]
    options = {"c:v": "copy", "format": kind.muxer, "map_chapters": -1, **kind.options}
    inputs = [ffmpeg.input(process.file_name(picture))["v:0"]]
    if rest.path:
        source = _input(rest, [*sounds, *texts])
        inputs += [source[str(s.index)] for s in sounds] or [source[NOTHING]]
        for n, stream in enumerate(sounds):
            options |= _sound_options(n, kind, copy and stream.codec in kind.sounds)
            options |= _tag_options(f"a:{n}", 1 + n, stream)
        for n, stream in enumerate(texts):
            options[f"c:s:{n}"] = "copy" if stream.codec in kind.texts and stream.index not in cut else kind.text
            options |= _tag_options(f"s:{n}", 1 + len(sounds) + n, stream)
            if stream.index in cut:
                inputs.append(ffmpeg.input(process.file_name(cut[stream.index]))["s:0"])
            else:
                inputs.append(source[str(stream.index)])
        options |= {"map_chapters": 1, "map_metadata:s": -1, "t": rest.length}
        if rest.start > 0:
            options["copypriorss"] = 0  # else seconds from before the start come along, hidden by an edit list
    options |= {f"metadata:g:{n}": tag for n, tag in enumerate(tags)}
    return process.problem(process.command(ffmpeg.output(*inputs, process.file_name(part), **options)))


def _tag_options(among: str, place: int, stream: _Stream) -> dict[str, str]:
    """The tags of a stream of the result, which is ``among`` its kind ("a:0") and at ``place`` among all."""
    places = zip(KEPT_OF_STREAMS, (place, among), strict=True)  # ffmpeg-python takes an option once: say it in two ways
    return {f"metadata:s:{at}": f"{key}={stream.tags[key]}" for key, at in places if key in stream.tags}


def _sound_options(n: int, kind: Container, copy: bool) -> dict:
    if copy:
        return {f"c:a:{n}": "copy"}
    # keep a late start and holes as silence, and fill up to the end of the picture
    layouts = f",aformat=channel_layouts={kind.layouts}" if kind.layouts else ""
    return {
        f"c:a:{n}": kind.sound,
        f"b:a:{n}": SOUND_BITRATE,
        f"filter:a:{n}": f"atrim=start=0,aresample=async=1:first_pts=0,apad{layouts}",
    }
