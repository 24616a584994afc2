"""What tests of downloads share: what a refusal says, and what came."""

import hashlib

import pytest

from faceit.errors import MediaError
from faceit.media.fetch import fetch
from faceit.media.fetch_record import find_video

WATCH = "https://www.youtube.com/watch?v=abcdefghijk"


def status_of(path):
    return int(path.split("/")[2]) if path.startswith("/status/") else None


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def size_and_length(path):
    """Width, height, seconds of the picture, and whether there is sound."""
    import av

    with av.open(str(path)) as container:
        frames = [frame for frame in container.decode(video=0)]
        sound = bool(container.streams.audio)
    return frames[0].width, frames[0].height, frames[-1].time - frames[0].time + 0.1, sound


def refusal(url, stem, **settings):
    """The sentence of the MediaError that ``fetch`` raises; nothing may be left where the video would be."""
    with pytest.raises(MediaError) as caught:
        fetch(url, stem, **settings)
    assert find_video(stem) is None
    assert not stem.with_name(stem.name + ".mp4").exists()
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 400 and sentence.endswith((".", ")"))
    return sentence


def video_format(base, name, height=None, **more):
    known = {"height": height, "width": height * 4 // 3} if height else {}
    return {
        "format_id": name,
        "url": f"{base}/{name}",
        "ext": "mp4",
        "vcodec": "avc1",
        "acodec": "none",
        **known,
    } | more
