"""Muxing: new pictures with the source's sound, subtitles, chapters and metadata in one file."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceit.errors import MediaError
from faceit.files import replacing
from faceit.media import process
from faceit.media.container import source_input
from faceit.media.container import tags as tags_of
from faceit.media.extras import KEPT_TAGS, attachments, chapters, left_out, time_code
from faceit.media.formats import CONTAINERS, Container
from faceit.media.probe import clock_jumps, decodable, inspect, late_by, opened
from faceit.media.subtitles import cut_subtitles
from faceit.media.video import SEEK_MARGIN_S, seek

SOUND_BITRATE = "192k"
TRIED_S = 2.0  # of sound, tried before hours of work
TEXTS = frozenset({"mov_text", "subrip", "ass", "ssa", "webvtt", "text"})  # subtitles that are text, not pictures
KEPT_OF_STREAMS = (*KEPT_TAGS, "language")
NO_STREAM = "v:99?"  # maps an optional stream that does not exist, so that an input without streams is one


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
    """Write ``out`` with the pictures of the file ``picture`` (``length`` seconds) and everything else of ``source``.

    The pictures are copied, and so are sound and subtitles that ``out``'s container supports; others are re-encoded.
    Subtitles that are pictures, as on discs, cannot be: returns sentences about what was left out. ``start`` and
    ``duration``, seconds on the source's clock, say which part of it belongs to the pictures. ``out`` is complete or
    unchanged. Raises MediaError if the sound cannot be included.
    """
    kind = CONTAINERS[out.suffix.lower()]
    used = length if duration is None else min(length, duration)
    rest = _Rest(source, start or 0.0, used, part=bool(start) or duration is not None, counted=_counted(source))
    streams = _streams(source) if source else []
    sounds = [s for s in streams if s.kind == "audio"]
    texts = [s for s in streams if s.kind == "subtitle" and (s.codec in kind.texts or s.codec in TEXTS)]
    said = {key: value for key, value in (("title", title), ("comment", comment)) if value}
    tags = [f"{key}={value}" for key, value in ((_kept_tags(source) if source else {}) | said).items()]
    with replacing(out, error=MediaError) as part, tempfile.TemporaryDirectory(prefix="faceit-") as folder:
        cut = _cut(rest, texts, Path(folder))
        rest = _with_marks(rest, picture, kind, Path(folder))
        for copy, words, code in _attempts(kind, sounds, [] if cut is None else texts, rest.code):
            problem = _written(picture, sounds, words, cut or {}, replace(rest, code=code), kind, part, tags, copy=copy)
            if problem is None and _sounds_in(part) != len(sounds):
                problem = "the sound is missing in the result"
            if problem is None:
                left = len(streams) - len(sounds) - len(words)
                texts_left = [f"{left} of its subtitles do not fit into {out.suffix} files"] if left else []
                return texts_left + (left_out(source, kind, int(code is not None)) if source else [])
        raise process.unwritten(out, problem)


def picture_path(path: Path, ending: str = ".mp4") -> Path:
    """The hidden file beside the video ``path`` that collects its pictures before ``mux``."""
    return path.with_name(f".{path.stem}.picture.part{ending}")


def check_sound(path: Path, start: float | None = None, ending: str = ".mp4") -> None:
    """Try the first seconds of a video's sound, so that a fault shows before hours of work. MediaError if it fails."""
    import ffmpeg

    streams = [stream for stream in _streams(path) if stream.kind == "audio"]
    if not streams:
        return
    kind = CONTAINERS[ending]
    options: dict[str, Any] = {}
    rest = _Rest(path, start or 0.0, TRIED_S, counted=_counted(path))
    source = _input(rest, streams)
    audible = [source[str(s.index)] for s in streams]
    for n, stream in enumerate(streams):
        options |= _sound_options(n, kind, rest, stream.codec in kind.sounds)
    tried = ffmpeg.output(*audible, "pipe:", format="null", t=process.plain(TRIED_S), **options)
    problem = process.problem(process.command(tried))
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
    part: bool = False  # whether it is not all of it
    counted: bool = False  # whether the source must be read from its beginning all the same
    chapters: Path | None = None  # of the part, as text for ffmpeg
    code: str | None = None  # time code of its first picture


def _with_marks(rest: _Rest, picture: Path, kind: Container, folder: Path) -> _Rest:
    """The same with its chapters, written to the folder, and its time code."""
    if rest.path is None:
        return rest
    with opened(picture) as container:
        rate = container.streams.video[0].average_rate
    code = time_code(rest.path, rest.start, rate, kind) if rate else None
    text = chapters(rest.path, rest.start, rest.length)
    if not text:
        return replace(rest, code=code)
    file = folder / "chapters.txt"
    file.write_text(text, "utf-8")
    return replace(rest, code=code, chapters=file)


def _counted(path: Path | None) -> bool:
    """Whether a part of a video cannot be found by its clock."""
    if path is None:
        return False
    try:
        return inspect(path).info.counted
    except MediaError:  # sound alone
        return False


def _attempts(kind: Container, sounds: list[_Stream], texts: list[_Stream],
              code: str | None) -> list[tuple[bool, list[_Stream], str | None]]:  # fmt: skip
    """(whether to copy sounds, which subtitles and time code to include), in the order in which they are tried."""
    copies = [True, False] if any(s.codec in kind.sounds for s in sounds) else [False]
    ways = [(copy, words) for words in ([texts, []] if texts else [[]]) for copy in copies]
    return [(*way, each) for each in ([code, None] if code else [None]) for way in ways]


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
    assert rest.path is not None, "its streams come from it"
    forgotten = min((s.late_s for s in streams), default=0.0)
    return source_input(rest.path, **seek(0.0 if rest.counted else rest.start, forgotten, SEEK_MARGIN_S))


def _cut(rest: _Rest, texts: list[_Stream], folder: Path) -> dict[int, Path] | None:
    """Subtitles of a part of the source as separate files, by the index of their stream; None if ffmpeg cannot read
    them."""
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
    """Write ``part``; returns the reason if ffmpeg fails. ``copy`` False re-encodes every sound."""
    import ffmpeg

    silent = [index for index, file in cut.items() if not file.stat().st_size]  # ffmpeg cannot open empty files
    texts = [s for s in texts if s.index not in silent]
    options = {"c:v": "copy", "format": kind.muxer, "map_chapters": -1, **kind.options}
    inputs = [ffmpeg.input(process.file_name(picture))["v:0"]]
    if rest.path:
        source = _input(rest, [*sounds, *texts])
        inputs += [source[str(s.index)] for s in sounds]
        for n, stream in enumerate(sounds):
            options |= _sound_options(n, kind, rest, copy and stream.codec in kind.sounds)
            options |= _tag_options(f"a:{n}", 1 + n, stream)
        for n, stream in enumerate(texts):
            options[f"c:s:{n}"] = "copy" if stream.codec in kind.texts and stream.index not in cut else kind.text
            options |= _tag_options(f"s:{n}", 1 + len(sounds) + n, stream)
            if stream.index in cut:
                inputs.append(ffmpeg.input(process.file_name(cut[stream.index]))["s:0"])
            else:
                inputs.append(source[str(stream.index)])
        for place, index in enumerate(attachments(rest.path, kind), 1 + len(sounds) + len(texts)):
            options |= {"c:t": "copy", f"map_metadata:s:{place}": f"1:s:{index}"}  # with their names and types
            inputs.append(source[str(index)])
        if rest.chapters:
            options["map_chapters"] = len({id(each.node) for each in inputs})
            inputs.append(ffmpeg.input(process.file_name(rest.chapters), format="ffmetadata")[NO_STREAM])
        if rest.code:
            options["timecode"] = rest.code
        options |= {"map_metadata:s": -1, "t": process.plain(rest.length)}
        if rest.start > 0:
            options["copypriorss"] = 0  # otherwise seconds before the start are included, hidden by an edit list
    options |= {f"metadata:g:{n}": tag for n, tag in enumerate(tags)}
    return process.problem(process.command(ffmpeg.output(*inputs, process.file_name(part), **options)))


def _tag_options(among: str, place: int, stream: _Stream) -> dict[str, str]:
    """The tags of a stream of the result, which is ``among`` its kind ("a:0") and at ``place`` among all."""
    places = zip(KEPT_OF_STREAMS, (place, among), strict=True)  # ffmpeg-python takes an option once: say it in two ways
    return {f"metadata:s:{at}": f"{key}={stream.tags[key]}" for key, at in places if key in stream.tags}


def _sound_options(n: int, kind: Container, rest: _Rest, copy: bool) -> dict:
    if copy and not rest.counted:
        return {f"c:a:{n}": "copy"}
    # keep a late start and gaps as silence, and pad to the end of the picture
    layouts = f",aformat=channel_layouts={kind.layouts}" if kind.layouts else ""
    begin = process.plain(rest.start)
    cut = f",atrim=start={begin},asetpts=PTS-{begin}/TB" if rest.counted and rest.start else ""
    return {
        f"c:a:{n}": kind.sound,
        f"b:a:{n}": SOUND_BITRATE,
        f"filter:a:{n}": f"atrim=start=0,aresample=async=1:first_pts=0{cut},apad{layouts}",
    }
