"""The figures of an evaluation in words."""

from faceit.measure.summary import HEADS_APART

WHY = {
    "identity": "the face looks least like {to}'s there", "expression": "the expression is off there",
    "pose": "the head is turned differently there", "seam": "the edge of the face shows there",
    "lost": "no face is found in the result there",
}  # fmt: skip
FOLLOWS, LOOSELY = 0.75, 0.45  # correlations from which something follows, or follows loosely
WRONG_WAY = 6.0  # degrees that a head is off on average: different noses alone cause a few, more is a visible fault
WAYS = {  # what a negative and a positive angle look like
    "yaw": ("turned {} further to the picture's left", "turned {} further to the picture's right"),
    "pitch": ("lowered {} further", "raised {} further"),
    "roll": ("tilted {} further anticlockwise", "tilted {} further clockwise"),
}  # fmt: skip


def clock(seconds: float) -> str:
    """0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def summary(evaluation: dict) -> list[str]:
    """Sentences on an evaluation (as in evaluation.json), the most important first."""
    parts = (_seen, _likeness, _coverage, _beside_floors, _pose, _sharpness, _time, _place, _reconstruction, _heads,
             _lacking, _worst)  # fmt: skip
    return [line for line in (part(evaluation) for part in parts) if line]


def _seen(evaluation: dict) -> str:
    if not evaluation.get("seen"):
        return ""
    return ("Careful: the network was trained on faces that are now held out, so figures on held-out material are "
            "too good; train under another name for true figures.")  # fmt: skip


def _coverage(evaluation: dict) -> str:
    counts = evaluation.get("coverage")
    if not counts or not counts["frames"]:
        return ""
    rest = [f"{counts[key]:,} {text}" for key, text in (
        ("no_face", "without a face"), ("someone_else", "with only other people"), ("turned", "turned too far"),
        ("lost", "where the result shows no face")) if counts.get(key)]  # fmt: skip
    others = f" ({', '.join(rest)})" if rest else ""
    return f"{counts['swapped']:,} of {counts['frames']:,} frames are swapped{others}."


def _likeness(evaluation: dict) -> str:
    """Identity and expression in one sentence, because a still mean face would pass identity alone."""
    identity, expression = evaluation.get("identity"), evaluation.get("expression")
    if not identity or identity["nearer_to"] is None or not expression:
        return ""
    text = f"Recognised as {evaluation['to']['name']} in {identity['nearer_to']:.0%} of frames"
    text += f"; {_following('the mouth', expression['mouth_opening']['r'])}"
    eyes = [expression[key]["r"] for key in ("left_eye", "right_eye") if expression[key]["r"] is not None]
    return text + (f", {_following('the eyes', sum(eyes) / len(eyes))}." if eyes else ".")


def _beside_floors(evaluation: dict) -> str:
    """The distance to the wanted person, next to that of real footage and of a still face."""
    if not _likeness(evaluation):
        return ""
    dlib, second, to = evaluation["identity"]["dlib"], evaluation["identity"]["second"], evaluation["to"]["name"]
    real_distance = dlib["floors"]["real_to"]
    real = f"{to}'s own unseen faces: {real_distance:.2f}; " if real_distance is not None else ""
    text = f"{dlib['to']:.2f} away from {to} ({real}below 0.6 is the same person)"
    text += f", {second['name']} {second['to']:.2f}" if second["to"] is not None else ""
    still, still_r = dlib["floors"]["mean_face"], evaluation["expression"]["mouth_opening"]["floors"]["mean_face"]["r"]
    if still is not None:
        mouth = f", but its mouth at r = {still_r:.2f}" if still_r is not None else ""
        text += f"; a still mean face would be {still:.2f} away{mouth}"
    return text + "."


def _following(what: str, r: float | None) -> str:
    if r is None:
        return f"{what} of the driving face hardly {'moves' if what.endswith('mouth') else 'move'}"
    singular = what.endswith("mouth")
    word = (("follows" if singular else "follow") if r >= FOLLOWS else
            ("follows loosely" if singular else "follow loosely") if r >= LOOSELY else
            ("does not follow" if singular else "do not follow"))  # fmt: skip
    return f"{what} {word} (r = {r:.2f})"


def _pose(evaluation: dict) -> str:
    pose = evaluation.get("pose")
    if not pose or pose["angle"] is None:
        return ""
    r = {what: pose["r"][name] for name, what in (("yaw", "turns"), ("pitch", "nods"))}
    stiff = [f"{what} (r = {value:.2f})" for what, value in r.items() if value is not None and value < LOOSELY]
    rest = f"; it does not follow the driving head's {' or '.join(stiff)}." if stiff else "."
    wrong = {name: beyond for name, beyond in pose["offset"].items() if abs(beyond) > WRONG_WAY}
    if wrong:
        word = "is held askew" if list(wrong) == ["roll"] else "looks the wrong way"
        numbers = ", ".join(f"{name} {beyond:+.0f}" for name, beyond in wrong.items())
        return f"The head {word}: {_further(wrong)} than it should be ({numbers}){rest}"
    word = "The head follows" if pose["angle"] < 4 and not stiff else "The head does not quite follow"
    return f"{word}: {pose['angle']:.1f} degrees off on average{rest}"


def _further(angles: dict[str, float]) -> str:
    """How much further a head is turned than another, in words, from degrees by angle."""
    turns = [WAYS[name][beyond > 0].format(f"{abs(beyond):.0f} degrees") for name, beyond in angles.items()]
    return " and ".join(filter(None, (", ".join(turns[:-1]), turns[-1])))


def _sharpness(evaluation: dict) -> str:
    sharp = evaluation.get("sharpness")
    if not sharp or sharp["ratio"] is None:
        return ""
    ratio = sharp["ratio"]
    word = "As sharp as real" if ratio >= 0.85 else "A little soft" if ratio >= 0.6 else "Soft"
    return f"{word}: {ratio:.0%} of {evaluation['to']['name']}'s real sharpness at {sharp['size']} pixels."


def _time(evaluation: dict) -> str:
    time = evaluation.get("time")
    if not time or time["jitter"] is None or time["flicker"] is None:
        return ""
    calm = time["jitter"] <= 1.25 and time["flicker"] <= 1.25
    word = "Steady" if calm else "Restless"
    return f"{word}: {time['jitter']:.2f} times the driving face's jitter, {time['flicker']:.2f} times its flicker."


def _place(evaluation: dict) -> str:
    seam, background = evaluation.get("seam"), evaluation.get("background")
    parts = []
    if seam and seam["swapped"] is not None:
        more = seam["swapped"] - seam["driving"]
        parts.append(f"the edge {'hardly shows' if more < 4 else 'shows'} (its step is {more:+.1f} LAB)")
    if background and background["psnr"] is not None:
        codec = background["floors"]["codec"]
        beside = f", the codec alone {codec:.0f} dB" if codec is not None else ""
        touched = codec is not None and background["psnr"] < codec - 3
        word = "the background has changed" if touched else "the background is untouched"
        parts.append(f"{word} ({background['psnr']:.0f} dB{beside})")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _reconstruction(evaluation: dict) -> str:
    sides = (evaluation.get("reconstruction") or {}).values()
    parts = [f"{side['name']} {side['psnr']:.1f} dB, {side['gain']:+.1f} over the mean face"
             for side in sides if side and side["psnr"] is not None]  # fmt: skip
    return f"Reconstruction of unseen faces: {'; '.join(parts)}." if parts else ""


def _heads(evaluation: dict) -> str:
    heads = evaluation.get("heads")
    apart = {name: heads[name]["from"] - heads[name]["to"] for name in ("yaw", "pitch")} if heads else {}
    apart = {name: beyond for name, beyond in apart.items() if abs(beyond) > HEADS_APART}
    if not apart:
        return ""
    to = evaluation["to"]["name"]
    return (f"{evaluation['from']['name']} holds the head {_further(apart)} than {to}: swaps will show angles that "
            f"{to}'s videos have little of.")  # fmt: skip


def _lacking(evaluation: dict) -> str:
    lacking = evaluation.get("lacking")
    if not lacking:
        return ""
    share = sum(each["share"] for each in lacking)
    driver, giver = evaluation["from"]["name"], evaluation["to"]["name"]
    return f"{share:.0%} of {driver}'s faces are in poses that {giver}'s videos lack."


def _worst(evaluation: dict) -> str:
    worst = evaluation.get("worst")
    if not worst or worst[0]["trouble"] < 1:
        return ""
    first, videos = worst[0], evaluation["videos"]
    place = f" of {videos[first['video']]['file'].rsplit('/', 1)[-1]}" if len(videos) > 1 else ""
    return f"Worst at {clock(first['time'])}{place}: {WHY[first['why']].format(to=evaluation['to']['name'])}."
