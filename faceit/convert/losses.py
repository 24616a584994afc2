"""What of a video is not in its result, or ends early: said before the hours of work."""

from faceit.media.probe import VideoInfo, sound_end

CUT_S, SOUND_S = 0.5, 0.25  # seconds that may be missing of the pictures; that a sound may end after them


def losses(info: VideoInfo, start: float | None, end: float | None, reach: int, missing: int) -> list[str]:
    """What is not taken of a range of seconds of a video, in words. ``reach``: how many frames there are up to the last
    that can be read, ``missing`` how many of them cannot."""
    words = list(info.left_out)
    if missing / info.fps > CUT_S:
        words.append(f"{float(missing / info.fps):.1f} s of it cannot be read: there the picture stands still")
    last = (start or 0.0) + float(reach / info.fps)
    promised = info.duration if end is None else min(end, info.duration)
    heard = sound_end(info.path, last) if info.has_sound and (end is None or promised - last > CUT_S) else 0.0
    if promised - last > CUT_S and heard < promised - CUT_S:
        words.append(f"it breaks off: its pictures end at {last:.1f} s of {info.duration:.1f} s")
    elif heard - last > SOUND_S:
        words.append(f"its pictures end at {last:.1f} s and its sound at {heard:.1f} s: the result ends with the "
                     "pictures")  # fmt: skip
    return words
