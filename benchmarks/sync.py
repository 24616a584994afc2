"""How far picture and sound are apart after convert, whatever the file, its codecs and its clock. Run by hand.

    python -m benchmarks.sync [--demo DIR] [--only KIND,...] [--start S] [--work DIR]

DIR is a finished demo (default: one is made first, which takes some minutes). Its talk is shrunk to 320 pixels, with a
white flash in the corner and a beep at each whole second, and written in as many kinds of files as videos come in. Each
is converted as a whole and from ``--start`` on, to a file of its own kind where convert writes that, else to MP4. What
a flash is later than its beep, less what it was in the source, is counted in frames of the result; of a kind without
sound, what it is later than its second. A flash or a beep that is missing counts as a second. Prints a table, and last
the worst offset.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

from faceit.cli import main as faceit
from faceit.demo.run import CONFIG, SWAP, TALK
from faceit.media.formats import CONTAINERS
from faceit.media.probe import opened, probe
from tests.media.flash_beep import _BEEP, _FLASH, flashes_and_beeps, run_ffmpeg

SIDE, CORNER = 320, 32  # pixels of the picture, and of the square that flashes
SECONDS = 6  # of the talk
SOUND_S = 0.5  # a beep that is further from a flash belongs to another one
H264 = "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p"
MPEG2 = "-c:v mpeg2video -q:v 3 -bf 2"
LATE_PICTURE, LATE_SOUND = r"-vf select=gte(t\,0.8)", "-af atrim=start=0.7"
# kind: ending and how ffmpeg writes it; "then": how it goes on from the file that was written
KINDS = {
    "mp4": f"mp4 {H264} -c:a aac",
    "mov-pcm": f"mov {H264} -c:a pcm_s16le",
    "mkv-flac": f"mkv {H264} -c:a flac",
    "mkv-pcm-24": f"mkv {H264} -c:a pcm_s24le",
    "mkv-mp3": f"mkv {H264} -c:a libmp3lame",
    "webm-vp9-opus": "webm -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus",
    "webm-vp8-vorbis": "webm -c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libvorbis",
    "ts": f"ts {H264} -c:a aac",
    "m2ts-ac3": f"m2ts {H264} -c:a ac3",
    "mpg": f"mpg {MPEG2} -c:a mp2",
    "vob-ac3": f"vob {MPEG2} -c:a ac3 -f vob",
    "avi-mp3": "avi -c:v mpeg4 -q:v 3 -bf 2 -c:a libmp3lame",
    "avi-mjpeg-pcm": "avi -c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16le",
    "flv": f"flv {H264} -c:a libmp3lame -ar 44100",
    "3gp": "3gp -c:v mpeg4 -q:v 3 -c:a aac",
    "wmv": "wmv -c:v wmv2 -q:v 3 -c:a wmav2",
    "ogv": "ogv -c:v libtheora -q:v 8 -c:a libvorbis",
    "mp4-opus": f"mp4 {H264} -c:a libopus",
    "mp4-alac": f"mp4 {H264} -c:a alac",
    "mp4-ac3": f"mp4 {H264} -c:a ac3",
    "mp4-five-channels": f"mp4 {H264} -c:a aac -ac 6",
    "mp4-hevc": "mp4 -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -c:a aac",
    "mkv-av1": "mkv -c:v libsvtav1 -preset 12 -svtav1-params lp=1 -c:a libopus",
    "mov-prores": "mov -c:v prores_ks -profile:v 0 -c:a pcm_s24le",
    "mp4-b-frames": f"mp4 {H264} -bf 8 -x264-params b-adapt=0:b-pyramid=normal -c:a aac",
    "mp4-fragmented": f"mp4 {H264} -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof",
    "mp4-sound-first": f"mp4 -map 0:a -map 0:v {H264} -c:a aac",
    "ts-sound-first": f"ts -map 0:a -map 0:v {H264} -c:a aac",
    "mp4-edit-list": f"mp4 {H264} -c:a aac then -c copy -ss 1.3",
    "mkv-cut-by-copying": f"mkv {H264} -c:a aac then -c copy -ss 1.3",
    "ts-open-gop": f"ts {H264} -x264-params open-gop=1:keyint=25:bframes=3 -c:a aac",
    "mkv-open-gop": f"mkv {H264} -x264-params open-gop=1:keyint=25:bframes=3 -c:a aac",
    "mp4-late-sound": f"mp4 {LATE_SOUND} {H264} -c:a aac",
    "mp4-late-picture": f"mp4 {LATE_PICTURE} {H264} -c:a aac",
    "mkv-late-sound": f"mkv {LATE_SOUND} {H264} -c:a flac",
    "mkv-late-picture": f"mkv {LATE_PICTURE} {H264} -c:a libopus",
    "ts-late-sound": f"ts {LATE_SOUND} {H264} -c:a aac",
    "ts-late-picture": f"ts {LATE_PICTURE} {H264} -c:a aac",
    "mpg-late-picture": f"mpg {LATE_PICTURE} {MPEG2} -c:a mp2",
    "mkv-late-clock": f"mkv {H264} -c:a aac -output_ts_offset 600",
    "webm-late-clock": "webm -c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus -output_ts_offset 15000",
    "flv-late-clock": f"flv {H264} -c:a aac -output_ts_offset 600",
    "ts-clock-turns-over": f"ts {H264} -c:a aac -output_ts_offset 95440.7",
    "mp4-bursts": rf"mp4 -vf fps=30,select=if(lt(t\,3.5)\,not(mod(n\,15))\,1) -fps_mode vfr {H264} -c:a aac",
    "mkv-bursts": rf"mkv -vf fps=30,select=if(lt(t\,3.5)\,not(mod(n\,15))\,1) -fps_mode vfr {H264} -c:a aac",
    "mp4-59.94": f"mp4 -r 60000/1001 {H264} -c:a aac",
    "mkv-23.976": f"mkv -r 24000/1001 {H264} -c:a aac",
    "mp4-480": f"mp4 -t 2.2 -vf fps=480 {H264} -c:a aac",
    "raw-h264": f"h264 -an {H264} -f h264",
    "raw-mpeg2": f"m2v -an {MPEG2} -f mpeg2video",
}


def make_base(talk: Path, out: Path) -> Path:
    """The talk with flashes and beeps."""
    box = f"drawbox=w={CORNER}:h={CORNER}:t=fill:c="
    run_ffmpeg("-i", talk, "-filter_complex",
               f"[0:v]scale={SIDE}:{SIDE},{box}black,{box}white:enable='{_FLASH}'[v];aevalsrc='{_BEEP}':s=48000[a]",
               "-map", "[v]", "-map", "[a]", "-shortest", "-c:v", "libx264", "-preset", "veryfast", "-crf", 10,
               "-c:a", "pcm_s16le", "-t", probe(talk).duration, out)  # fmt: skip
    return out


def make_kind(base: Path, kind: str, folder: Path) -> Path:
    """The file of one of KINDS, made anew."""
    ending, *how = KINDS[kind].split()
    out, before = folder / f"{kind}.{ending}", folder / f".{kind}.{ending}"
    then = how.index("then") if "then" in how else len(how)
    run_ffmpeg("-i", base, *how[:then], before)
    if then == len(how):
        before.replace(out)
    else:
        run_ffmpeg(*how[-2:], "-i", before, *how[then + 1 : -2], out)
        before.unlink()
    return out


def moments(path: Path) -> tuple[list[float], list[float]]:
    """When flashes and beeps begin, seconds from the start of the file's clock."""
    with opened(path) as container:
        begin = (container.start_time or 0) / 1e6
    flashes, beeps = flashes_and_beeps(path, CORNER)
    return [time - begin for time in flashes], [time - begin for time in beeps]


def apart(flashes: list[float], beeps: list[float]) -> list[float]:
    """By how many seconds each flash is later than its beep."""
    nearest = [flash - min(beeps, key=lambda beep, flash=flash: abs(beep - flash)) for flash in flashes if beeps]
    return [late for late in nearest if abs(late) < SOUND_S]


def offset(source: Path, result: Path, start: float) -> float:
    """The worst offset in a result that begins at ``start`` of its source, in frames of the result."""
    flashes, beeps = flashes_and_beeps(result, CORNER)
    if not probe(source).has_sound:
        expected = [second for second in range(1, SECONDS) if second > start]
        late = [flash + start - round(flash + start) for flash in flashes]
    else:
        there, heard = moments(source)
        # one by one: where pictures do not fall on the seconds, each is off by another part of a frame
        expected = apart([t for t in there if t >= start], [t for t in heard if t >= start])
        late = apart(flashes, beeps)
        if len(late) == len(expected):
            late = [after - before for after, before in zip(late, expected, strict=True)]
    late += [1.0] * (len(expected) - len(late))
    return max(map(abs, late), default=1.0) * float(probe(result).fps)


def convert_all(config: list[str], sources: list[Path], folder: Path, *words: str) -> dict[Path, Path]:
    """Source -> result, all of them converted."""
    groups, results = defaultdict(list), {}
    for path in sources:
        groups[path.suffix if path.suffix in CONTAINERS else ".mp4"].append(path)
    for ending, group in groups.items():
        into = folder / ending[1:]
        into.mkdir(parents=True, exist_ok=True)
        how = ["--format", ending[1:], "--preset", "ultrafast", "--overwrite", "--output", str(into), *words]
        code = faceit(["convert", SWAP, *map(str, group), *how, *config])
        assert code == 0, f"exit code {code}"
        results |= {path: into / f"{path.stem}{ending}" for path in group}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, help="a finished demo")
    parser.add_argument("--only", help="kinds, with commas between")
    parser.add_argument("--start", type=float, default=1.3)
    parser.add_argument("--work", type=Path, help="keep the files here (default: a temporary folder)")
    args = parser.parse_args()
    work = (args.work or Path(tempfile.mkdtemp(prefix="faceit-sync-"))).resolve()
    (work / "sources").mkdir(parents=True, exist_ok=True)
    demo = args.demo or work / "demo"
    if not args.demo:
        assert faceit(["demo", "--dir", str(demo), "--minutes", "0.5"]) == 0
    base = make_base(demo / "clips" / TALK, work / "base.mkv")
    kinds = args.only.split(",") if args.only else list(KINDS)
    sources = {kind: make_kind(base, kind, work / "sources") for kind in kinds}
    config = ["--config", str(demo / CONFIG)]
    whole = convert_all(config, list(sources.values()), work / "whole")
    parts = convert_all(config, list(sources.values()), work / "part", "--start", f"{args.start:g}")
    print(f"\n| kind | rate of the result | frames apart | from {args.start:g} s on |\n| --- | --- | --- | --- |")
    worst = 0.0
    for kind, path in sources.items():
        figures = offset(path, whole[path], 0.0), offset(path, parts[path], args.start)
        worst = max(worst, *figures)
        print(f"| {kind} | {float(probe(whole[path]).fps):.4g} | {figures[0]:.2f} | {figures[1]:.2f} |")
    print(json.dumps({"demo": str(demo), "work": str(work)}))
    print(f"worst offset: {worst:.2f} frames over {len(kinds)} kinds")


if __name__ == "__main__":
    main()
