"""The page of a conversion's faces: everyone in a video, and what would become of them, before a pixel is changed."""

from math import ceil
from pathlib import Path

from faceit.casting.roster import Tracked, roster
from faceit.convert.output_names import beside
from faceit.convert.request import ConversionRequest, ConvertCounts
from faceit.convert.video_parts import VideoConversion
from faceit.faces.identity import Identity, fitted_tolerance
from faceit.files import write_text
from faceit.geometry import align
from faceit.media.frame_at import frame_at
from faceit.media.probe import frame_size
from faceit.pages.cast_rows import Role, groups, time_line, totals
from faceit.pages.render import link, picture, render
from faceit.pages.tracks import TrackFacts, count
from faceit.pages.values import shown
from faceit.progress import Progress, say

SIDE, KB, MARGIN = 128, 5.0, 1.9  # pixels, kilobytes and crop widths of a track's picture
MOST_TOLERANCE = 0.9  # that the setting takes


def page_beside(output: Path) -> Path:
    """Where the page goes that is beside the result ``output``."""
    return beside(output, "-faces.html")


def write_page(request: ConversionRequest, conversion: VideoConversion) -> Path:
    """Look through the video, where that is not done yet, and write the page beside where the result would be. What was
    seen stays among the conversion's parts. FaceitError as ``VideoConversion.first_pass``."""
    project, task, output = request.project, request.task, conversion.output
    with conversion.opened():
        with conversion.first_pass(**request.first_pass):
            pass
        casts = conversion.casts(request.rules(frame_size(conversion.info, request.settings.height)))
        counts = ConvertCounts()
        counts.swapped = casts.count(counts)
        tracks = roster(casts)
        page = page_beside(output)
        roles = {track.number: _role(request, conversion, track) for track in tracks}
        with Progress("pictures", unit="picture") as progress:
            pictures = _Pictures(conversion, {roles[track.number].name: track for track in tracks}, progress)
            drawn = groups(list(roles.values()), pictures.of)
        frames = {"swapped": counts.swapped, "turned": counts.turned_away, "other": counts.someone_else,
                  "no_face": counts.no_face}  # fmt: skip
        begin = task.start or 0.0
        bar, legend = totals(frames)
        span = begin, begin + float(counts.frames / conversion.info.fps)
        write_text(page, render(
            "roles.html.j2", video=conversion.source.name, groups=drawn, bar=bar, legend=legend,
            swaps=_swaps(request, tracks), time_line=time_line(list(roles.values()), span),
            tracks=count(len(tracks), "track"), frames=count(counts.frames, "frame"), everyone=task.everyone,
            people=[{"name": swap.driver.name, "swap": swap.name} for swap in request.swaps], project=project.file.name,
        ))  # fmt: skip
    near = sum(role.doubtful for role in roles.values())
    say(f"{conversion.source.name}: {counts.frames:,} frames, {counts.words()}; {count(len(tracks), 'track')}, "
        f"{near:,} of them near the line.")  # fmt: skip
    say(f"Look at {page}")
    say("The same command without --faces goes on from what was seen. The page shows bystanders too: keep it private.")
    return page


def _swaps(request: ConversionRequest, tracks: list[Tracked]) -> list[dict]:
    """Whom each swap replaces by whom, and in how many faces."""
    return [{"driver": "everyone" if swap.identity is None else swap.driver.name, "giver": swap.giver.name,
             "faces": count(sum(track.swapped[i] for track in tracks), "face"),
             "tolerance": "" if swap.identity is None else shown(swap.identity.tolerance)}
            for i, swap in enumerate(request.swaps)]  # fmt: skip


def _role(request: ConversionRequest, conversion: VideoConversion, track: Tracked) -> Role:
    """What the page says of a track, measured against the person of the swap that has it, or is nearest to it."""
    start, fps = request.task.start or 0.0, conversion.info.fps
    begin, end = (start + float(at / fps) for at in (track.first, track.last))
    which = _nearest_swap(request, track)
    swap, judged = request.swaps[which], track.judged[which]
    kind = "swapped" if track.swapped else "turned" if track.turned else "other"
    seen, hint = None, ""
    if judged is not None and swap.identity is not None:
        seen = TrackFacts("", "", str(track.number), begin, end, track.frames, track.width, judged.distance,
                          swap.identity.tolerance, judged.refused, judged.verdict, judged.doubtful)  # fmt: skip
        hint = _hint(swap.driver.name, swap.name, swap.identity, seen)
    crowded = kind == "other" and judged is not None and judged.verdict == "theirs"
    counts = {"swapped": sum(track.swapped.values()), "turned": track.turned, "other": track.others}
    return Role(str(track.number), kind, begin, end, track.frames, track.width, counts,
                "" if judged is None else swap.driver.name, swap.giver.name, seen, crowded, hint,
                link(conversion.output.parent, conversion.source, begin))  # fmt: skip


def _nearest_swap(request: ConversionRequest, track: Tracked) -> int:
    """The number of the swap that has most of a track, or of whose person it is the nearest to being."""
    if track.swapped:
        return track.swapped.most_common(1)[0][0]

    def beyond(i: int) -> float:
        judged, identity = track.judged[i], request.swaps[i].identity
        return 0.0 if judged is None or identity is None else judged.distance - identity.tolerance

    return min(range(len(request.swaps)), key=beyond)


def _hint(person: str, swap: str, identity: Identity, seen: TrackFacts) -> str:
    """The setting that would change a doubtful verdict."""
    if not seen.doubtful or seen.verdict == "refused":
        return ""
    place = f"under swaps.{swap}.convert"
    if seen.verdict == "theirs":
        lower = ceil(seen.distance * 100 - 1e-6) - 1
        return (f"Not {person}? tolerance: {lower / 100:.2f} {place} leaves it out; so does its picture under "
                f"people.{person}.not.")  # fmt: skip
    taken = next((n for n in range(ceil(seen.distance * 100), round(MOST_TOLERANCE * 100) + 1)
                  if fitted_tolerance(identity.encodings, n / 100) >= seen.distance), None)  # fmt: skip
    if taken is None:
        return f"{person} after all? A portrait that looks like this takes it in."
    return (f"{person} after all? tolerance: {taken / 100:.2f} {place} takes it in; so does a portrait that looks like "
            "this.")  # fmt: skip


class _Pictures:
    """The best face of each track, upright, as a data: URI; empty where it cannot be read."""

    def __init__(self, conversion: VideoConversion, tracks: dict[str, Tracked], progress: Progress):
        self.conversion, self.tracks, self.progress, self.count = conversion, tracks, progress, 0

    def of(self, role: Role) -> str:
        self.count += 1
        self.progress.update(self.count)
        track, made = self.tracks[role.name], self.conversion
        at = (made.start or 0.0) + float(track.best_at / made.info.fps)
        frame = frame_at(made.source, at, made.settings.height)
        if frame is None or track.best is None:
            return ""
        return picture(align(track.best.landmarks, SIDE, MARGIN).warp(frame), KB)
