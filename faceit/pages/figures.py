"""The figures of an evaluation as rows to read: name, value, unit, one line of meaning, and a bar with its floors.

``evaluation`` is the content of evaluation.json (docs/evaluation.md); any part of it may be missing.
"""

from dataclasses import dataclass, field

from markupsafe import Markup

from faceit.pages.axes import Mark
from faceit.pages.bars import bar, shares, slim_bar
from faceit.pages.values import number, part, percent, shown, text

EXPRESSIONS = {
    "mouth_opening": "Mouth opening", "mouth_width": "Mouth width", "left_eye": "Left eye", "right_eye": "Right eye",
    "left_brow": "Left brow", "right_brow": "Right brow",
}  # fmt: skip
STATES = {
    "swapped": "swapped", "lost": "face lost in the result", "turned": "turned too far", "no_face": "no face",
    "someone_else": "only someone else",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One row."""

    name: str
    value: str
    unit: str
    meaning: str
    bar: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class Group:
    """Rows that belong together; ``sentence`` is shown if there are none."""

    key: str
    title: str
    rows: tuple[Figure, ...]
    sentence: str
    note: str = ""


@dataclass(frozen=True)
class People:
    """Who is who, by name."""

    driver: str  # "from"
    giver: str  # "to"


def people(evaluation: dict) -> People:
    return People(text(evaluation, "from", "name") or "the driving person",
                  text(evaluation, "to", "name") or "the wanted person")  # fmt: skip


def floors(values: dict, who: People, digits: int, key: str | None = None) -> list[Mark]:
    """The floors of a figure as marks. ``key`` selects one figure where several share their floors."""
    names = {"real_to": f"real {who.giver}", "real_from": f"real {who.driver}", "unswapped": "unswapped",
             "mean_face": "mean face"}  # fmt: skip
    return [Mark(word, floor(values, name, key), name, digits) for name, word in names.items()]


def floor(values: dict, name: str, key: str | None) -> float | None:
    """One floor's number, whether the file nests figures in floors or floors in figures."""
    if key is None:
        return number(values, name)
    inside = number(values, name, key)
    return number(values, key, name) if inside is None else inside


def _rows(*rows: Figure | None) -> tuple[Figure, ...]:
    return tuple(row for row in rows if row is not None)


def _row(name: str, value: float | None, digits: int, unit: str, meaning: str, marks: list[Mark] | None = None,
         **scale) -> Figure | None:  # fmt: skip
    """A row, or None if nothing was measured."""
    if value is None:
        return None
    drawn = bar(value, marks, f"{name}: {shown(value, digits)} {unit}", **scale) if marks is not None else Markup("")
    glued = unit in ("°", "×")
    return Figure(name, shown(value, digits) + unit * glued, "" if glued else unit, meaning, drawn)


# ------------------------------------------------------------------------------------------ identity and expression


def identity(evaluation: dict) -> Group:
    """How closely the face resembles the wanted person, by two recognisers."""
    who, values = people(evaluation), part(evaluation, "identity")
    share, frames = number(values, "nearer_to"), number(values, "frames")
    of = f"Of {shown(frames, 0)} encoded frames" if frames is not None else "Share of the encoded frames"
    nearer = share is not None and Figure(
        f"Nearer to {who.giver} than to {who.driver}", percent(share), "", f"{of}; in real footage all are.",
        bar(share, [], f"{percent(share)} of frames nearer to {who.giver}", high=1.0),
    )  # fmt: skip
    dlib = part(values, "dlib")
    rows = (
        nearer or None,
        _recognised(dlib, "to", f"Distance to {who.giver}", f"dlib; lower is nearer to {who.giver}.", who, low=0),
        _recognised(dlib, "from", f"Distance to {who.driver}", f"dlib; higher means less of {who.driver} is left.", who,
                    low=0),  # fmt: skip
        *_second(part(values, "second"), who),
    )
    return Group("identity", "Identity", _rows(*rows), "Identity was not measured: no swapped face could be encoded.")


def _second(values: dict, who: People) -> list[Figure | None]:
    name = text(values, "name") or "a second recogniser"
    return [
        _recognised(values, "to", f"Similarity to {who.giver}", f"{name}; higher is more like {who.giver}.", who,
                    low=0, high=1.0),  # fmt: skip
        _recognised(values, "from", f"Similarity to {who.driver}", f"{name}; lower means less of {who.driver} is left.",
                    who, low=0, high=1.0),  # fmt: skip
    ]


def _recognised(values: dict, side: str, name: str, meaning: str, who: People, **scale) -> Figure | None:
    """One recogniser's answer about one person; the floors are those of the wanted person."""
    marks = [Mark("same person", number(values, "threshold"), "limit")]
    if side == "to":
        marks += [*floors(part(values, "floors"), who, 2), Mark("worst frame", number(values, "worst"), "worst")]
    return _row(name, number(values, side), 2, "", meaning, marks, tone=side, **scale)


@dataclass(frozen=True)
class Following:
    """How closely one part of the face follows the driving face."""

    name: str
    r: str
    r_bar: Markup
    error: str
    error_bar: Markup
    sentence: str  # shown instead of both if the driving face holds still


def expression(evaluation: dict) -> list[Following]:
    """A row for each expression that the evaluation names; empty when it names none. All rows have one scale."""
    found = {name: part(evaluation, "expression", key) for key, name in EXPRESSIONS.items()
             if key in part(evaluation, "expression")}  # fmt: skip
    reach = {key: [v for values in found.values() for v in _numbers(values, key).values() if v is not None]
             for key in ("r", "error")}  # fmt: skip
    lowest, largest = min([0.0, *reach["r"]]), max([1.0, *reach["error"]])
    rows = []
    for name, values in found.items():
        moves = any(number(values, key) is not None for key in ("r", "error"))
        still = "" if moves else "not measured: it hardly moves in the driving video"
        rows.append(Following(name, *_slim(values, name, "r", lowest, 1.0), *_slim(values, name, "error", 0.0, largest),
                              still))  # fmt: skip
    return rows if any(not row.sentence for row in rows) else []


def _numbers(values: dict, key: str) -> dict[str, float | None]:
    """A figure and its floors."""
    inside = part(values, "floors")
    return {"swapped": number(values, key), **{name: floor(inside, name, key) for name in ("unswapped", "mean_face")}}


def _slim(values: dict, name: str, key: str, low: float, high: float) -> tuple[str, Markup]:
    """A number and its bar, or a dash."""
    found = _numbers(values, key)
    value = found.pop("swapped")
    if value is None:
        return "–", Markup("")
    floors_in_words = ", ".join(f"{kind.replace('_', ' ')} {shown(v)}" for kind, v in found.items() if v is not None)
    label = f"{name}, {key}: {shown(value)}" + (f" ({floors_in_words})" if floors_in_words else "")
    marks = [Mark(kind, v, kind) for kind, v in found.items()]
    return shown(value), slim_bar(value, marks, label, low=low, high=high)


# --------------------------------------------------------------------------------------------------- all the others


def groups(evaluation: dict) -> list[Group]:
    """The groups below identity and expression, in their order."""
    return [part_of(evaluation) for part_of in (_pose, _reconstruction, _sharpness, _time, _seam, _background)]


def _pose(evaluation: dict) -> Group:
    who, values = people(evaluation), part(evaluation, "pose")
    meanings = {
        "angle": ("Head angle", 1, "°", "Mean difference from the driving head; lower follows better."),
        "yaw": ("Turn (yaw)", 1, "°", "Left and right."),
        "pitch": ("Nod (pitch)", 1, "°", "Up and down; noses differ, so a few degrees are due to the faces."),
        "roll": ("Tilt (roll)", 1, "°", "Towards a shoulder."),
        "shift": ("Shift", 3, "eye distances", "How far the centre of the face moved in the picture."),
    }
    rows = [_row(name, number(values, key), digits, unit, meaning, floors(part(values, "floors"), who, digits, key))
            for key, (name, digits, unit, meaning) in meanings.items()]  # fmt: skip
    offsets = (
        _offset(values, who, "yaw", "Offset of the turn", "minus is to the picture\u2019s left"),
        _offset(values, who, "pitch", "Offset of the nod", "minus is lowered"),
        _offset(values, who, "roll", "Offset of the tilt", "minus is anticlockwise"),
    )
    ordered = _rows(*rows[:-1], *offsets, rows[-1])
    return Group("pose", "Pose", ordered, "Pose was not measured: no face was found in both videos.")


def _offset(values: dict, who: People, key: str, name: str, minus: str) -> Figure | None:
    """The signed difference between swapped and driving head, on a scale with 0 in the middle."""
    driving, swapped, r = (number(values, which, key) for which in ("driving", "swapped", "r"))
    meaning = f"Swapped minus driving head; {minus}."
    if driving is not None and swapped is not None:
        meaning += f" On average {shown(driving, 1)}° in the driving video, {shown(swapped, 1)}° in the swapped one."
    meaning += f" It follows with r {shown(r)}." if r is not None else ""
    inside = {kind: part(values, "floors", kind, "offset") for kind in part(values, "floors")}
    marks, value = floors(inside, who, 1, key), number(values, "offset", key)
    reach = max(10.0, *(abs(each or 0.0) for each in (value, *(mark.value for mark in marks))))
    return _row(name, value, 1, "°", meaning, marks, low=-reach, high=reach)


def _reconstruction(evaluation: dict) -> Group:
    rows = []
    for side in ("a", "b"):
        values = part(evaluation, "reconstruction", side)
        name, faces = text(values, "name") or side, number(values, "faces")
        of = f"{shown(faces, 0)} held-out faces" if faces is not None else "held-out faces"
        gain = number(values, "gain")
        more = f" {shown(gain, 1)} dB over the mean face." if gain is not None else ""
        tone = _tone(evaluation, side)
        rows += [
            _row(f"{name} as themselves", number(values, "psnr"), 1, "dB", f"PSNR on {of}; higher is better.{more}",
                 [Mark("mean face", number(values, "mean_face_psnr"), "mean_face", 1)], low=10, high=40, tone=tone),
            _row(f"{name}, structure", number(values, "ssim"), 2, "SSIM", "1 is the same picture.",
                 [Mark("mean face", number(values, "mean_face_ssim"), "mean_face")], high=1.0, tone=tone),
        ]  # fmt: skip
    nothing = "Reconstruction was not measured: there are no held-out faces, or the video came without its model."
    return Group("reconstruction", "Reconstruction", _rows(*rows), nothing)


def _tone(evaluation: dict, side: str) -> str:
    """The colour of the YAML's side: the driving person's or the wanted one's."""
    return "from" if (side == "a") != (evaluation.get("reverse") is True) else "to"


def _sharpness(evaluation: dict) -> Group:
    who, values = people(evaluation), part(evaluation, "sharpness")
    size = number(values, "size")
    how = f"Deviation of the Laplacian{f' at {shown(size, 0)} pixels' if size is not None else ''}; higher is sharper."
    rows = _rows(
        _row("Sharpness", number(values, "swapped"), 1, "gray levels", how, floors(part(values, "floors"), who, 1)),
        _row("Against real footage", number(values, "ratio"), 2, "×", f"1 is as sharp as real pictures of {who.giver}.",
             [Mark("ideal", 1.0, "ideal")], high=1.2),
    )  # fmt: skip
    return Group("sharpness", "Sharpness", rows, "Sharpness was not measured: no face was found in the result.")


def _time(evaluation: dict) -> Group:
    values = part(evaluation, "time")
    ideal = [Mark("ideal", 1.0, "ideal")]
    rows = _rows(
        _row("Jitter", number(values, "jitter"), 2, "×", "How much landmarks tremble, relative to the driving video.",
             ideal, high=2.0),
        _row("Flicker", number(values, "flicker"), 2, "×", "How much colours change, relative to the driving video.",
             ideal, high=2.0),
        _row("Warp", number(values, "warp"), 1, "gray levels", "Difference from the motion-compensated previous frame; "
             "lower is steadier.", [Mark("driving", number(values, "warp_driving"), "floor", 1)]),
    )  # fmt: skip
    return Group("time", "Time", rows, "Steadiness was not measured: there are no neighbouring swapped frames.")


def _seam(evaluation: dict) -> Group:
    values = part(evaluation, "seam")
    rows = _rows(
        _row("Seam", number(values, "swapped"), 1, "LAB", "Colour step across the edge of the mask.",
             [Mark("driving", number(values, "driving"), "floor", 1)]),
        _row("Added by the swap", number(values, "added"), 1, "LAB", "What was not there before; 0 is ideal.",
             [Mark("ideal", 0.0, "ideal", 0)], high=10.0),
    )  # fmt: skip
    return Group("seam", "Seam", rows, "The seam was not measured: no mask could be laid over the result.")


def _background(evaluation: dict) -> Group:
    values = part(evaluation, "background")
    rows = _rows(
        _row("Background kept", number(values, "psnr"), 1, "dB", "PSNR outside mask and label; the codec is the limit.",
             [Mark("codec alone", number(values, "floors", "codec"), "floor", 1)], low=20, high=50),
        _row("Difference", number(values, "difference"), 2, "gray levels", "Outside mask and label; lower is better.",
             [], high=5.0),
    )  # fmt: skip
    return Group("background", "Background", rows, "The background was not compared.")


@dataclass(frozen=True)
class Coverage:
    """What happened to the frames: the bar, and (class, words, count, share) of each part."""

    bar: Markup
    parts: tuple[tuple[str, str, str, str], ...]
    frames: str
    speed: str


def coverage(evaluation: dict) -> Coverage | None:
    """How many frames were swapped and why others were not; None if no frames were counted."""
    values = part(evaluation, "coverage")
    counts = {state: number(values, state) or 0.0 for state in STATES}
    total = number(values, "frames") or 0.0
    if sum(counts.values()) > total > 0:  # the lost ones were counted among the swapped
        counts["swapped"] = max(0.0, counts["swapped"] - counts["lost"])
    total = max(total, sum(counts.values()))
    if not total > 0:
        return None
    parts = [(state, words, shown(counts[state], 0), percent(counts[state] / total)) for state, words in STATES.items()
             if counts[state] > 0]  # fmt: skip
    drawn = shares([(STATES[state], state, counts[state]) for state in STATES],
                   "; ".join(f"{words}: {share}" for _, words, _, share in parts))  # fmt: skip
    rate = number(evaluation, "speed", "frames_per_second")
    return Coverage(drawn, tuple(parts), shown(total, 0), shown(rate, 1) if rate is not None else "")
