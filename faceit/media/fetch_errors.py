"""yt-dlp's errors as one sentence with the next step."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from faceit.config.project import shown_url, without_secrets

UPGRADE = "pip install --upgrade yt-dlp yt-dlp-ejs"
COOKIES = "set cookies_from_browser (firefox, chrome ...) to a browser that is logged in"

# words in yt-dlp's message (lower case) -> reason; the first match wins, and all take precedence over an HTTP status
_CLEAR_WORDS = (
    ("no space left", "space"),
    ("not a bot", "bot"),
    ("private video", "private"),
    ("video is private", "private"),
    ("members-only", "members"),
    ("join this channel", "members"),
    ("premium members", "paid"),
    ("payment", "paid"),
    ("purchase", "paid"),
    ("confirm your age", "age"),
    ("age-restricted", "age"),
    ("age restricted", "age"),
    ("rate-limited", "limit"),
    ("in your country", "geo"),
    ("from your location", "geo"),
    ("live event will begin", "later"),
    ("premieres in", "later"),
    ("not currently live", "later"),
    ("drm protect", "drm"),
    ("use --cookies", "login"),
    ("registered users", "login"),
    ("login required", "login"),
    ("video-password", "login"),
    ("ffmpeg is not installed", "ffmpeg"),
    ("ffmpeg could not be found", "ffmpeg"),
    ("requested format is not available", "format"),
    ("no video formats found", "format"),
)
# these may also occur in an HTTP error ("503 Service Unavailable"), so the status takes precedence
_LOOSE_WORDS = (
    ("unavailable", "gone"),
    ("not available", "gone"),
    ("isn't available", "gone"),
    ("been removed", "gone"),
    ("been terminated", "gone"),
    ("does not exist", "gone"),
    ("did not get any data", "empty"),
    ("got error", "network"),
    ("timed out", "network"),
    ("unable to open for writing", "write"),
    ("unable to write", "write"),
    ("permission denied", "write"),
    ("exited with code", "cut"),
)
_PHRASES = {
    "space": "no space is left on the disk of {folder}: free some and run it again, it resumes where it stopped",
    "write": "nothing can be written to {folder}: check the folder's permissions",
    "bot": "the site wants proof that you are not a bot: {cookies}, and try again",
    "private": "the video is private: ask its owner, or take it out of the YAML",
    "members": "the video is for members of the channel only: {cookies} as a member, or take it out of the YAML",
    "paid": "the video must be paid for: {cookies} and has bought it, or take it out of the YAML",
    "age": "the video is for adults only and asks for an account: {cookies}",
    "limit": "the site has received too many requests from you: wait an hour, then run it again with fewer at once",
    "geo": "the video is not shown in your country{countries}: use another one, or a network where it is shown",
    "later": "it has not been shown yet, or is not being shown: fetch it later, or take it out of the YAML",
    "drm": "the video is protected against copying (DRM) and cannot be fetched: use another one",
    "login": "the site wants a login: {cookies}",
    "ffmpeg": "ffmpeg is not installed: run 'pip install imageio-ffmpeg'",
    "format": "it has no picture that can be fetched (only sound, or protected): use another video",
    "unsupported": "no video is found on this page: open it in a browser, and give the address of the video itself",
    "forbidden": "the server refuses access (HTTP 403): run '{upgrade}', or {cookies}",
    "missing": "there is nothing at this address (HTTP {status}): correct it, or take it out of the YAML",
    "server": "the server is in trouble (HTTP {status}): run it again later, it resumes where it stopped",
    "http": "the server refuses the request (HTTP {status}): open the address in a browser to see why",
    "network": "the connection failed ({detail}): check the address and the network, and run it again",
    "certificate": "the server's certificate cannot be trusted ({detail}): check the address and this computer's clock",
    "gone": "the video is not available (removed, or never there): correct the address, or take it out of the YAML",
    "empty": "the downloaded file is empty: try again later, or use another address",
    "cut": "ffmpeg could not cut the range out of it: run it again; if that does not help, download it whole and name "
    "the file, with start and end, in the YAML",
    "cookies": "the cookies cannot be read ({detail}): export them again in Netscape format, or name another browser",
    "other": "{detail}: run '{upgrade}' and try again",
}
_MAY_NEED_RUNTIME = ("bot", "forbidden", "format", "cut", "other")


def short_address(url: str) -> str:
    """The address in a short, readable form, without secrets."""
    text = re.sub(r"^https?://(www\.)?", "", shown_url(url), flags=re.IGNORECASE)
    return text if len(text) <= 80 else text[:77] + "..."


def sentence(error: BaseException, url: str, warnings: list[str], parts: Path) -> str:
    """One sentence, with the next step, for yt-dlp's ``error`` and the ``warnings`` before it; ``parts`` is the
    folder of the download."""
    reason, status = _reason(error, parts)
    countries = next((c for e in _chain(error) if (c := getattr(e, "countries", None))), ())
    phrase = _PHRASES[reason].format(
        status=status,
        detail=_detail(error),
        folder=parts.parent.parent,
        countries=f" (only in {', '.join(countries)})" if countries else "",
        cookies=COOKIES,
        upgrade=UPGRADE,
    )
    if reason in _MAY_NEED_RUNTIME and any(
        "JavaScript runtime" in text or "challenge solving failed" in text for text in warnings
    ):
        phrase += " (YouTube's formats need a JavaScript runtime that is missing here: pip install deno yt-dlp-ejs)"
    return f"{short_address(url)}: {phrase}."


def disk_sentence(error: OSError, url: str, folder: Path) -> str:
    """The same for an error with our own files."""
    if error.errno == errno.ENOSPC:
        phrase = _PHRASES["space"].format(folder=folder)
    else:
        why = error.strerror or error
        phrase = f"{error.filename or folder} cannot be written ({why}): check the folder's permissions"
    return f"{short_address(url)}: {phrase}."


def _reason(error: BaseException, parts: Path) -> tuple[str, int | None]:
    """The key of the matching phrase, and the HTTP status if there was one."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError, UserNotLive

    chain = list(_chain(error))
    text = _without_prefix(error).lower()

    def is_any(kind: type) -> bool:
        return any(isinstance(e, kind) for e in chain)

    if _is_disk_full(chain, parts):
        return "space", None
    for kind, reason in (
        (CookieLoadError, "cookies"),
        (GeoRestrictedError, "geo"),
        (UnsupportedError, "unsupported"),
        (UserNotLive, "later"),
    ):
        if is_any(kind):
            return reason, None
    for words, reason in _CLEAR_WORDS:
        if words in text:
            return reason, None
    status = next((e.status for e in chain if isinstance(e, HTTPError)), None)
    if status is None and (found := re.search(r"http error (\d{3})", text)):
        status = int(found[1])
    if status is not None:
        named = {401: "login", 403: "forbidden", 404: "missing", 410: "missing", 429: "limit"}
        return named.get(status, "server" if status >= 500 else "http"), status
    if is_any(CertificateVerifyError):
        return "certificate", None
    if is_any(TransportError) or is_any(ContentTooShortError):
        return "network", None
    return next((reason for words, reason in _LOOSE_WORDS if words in text), "other"), None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it came from; yt-dlp keeps causes in ``exc_info`` and ``cause`` too."""
    seen, todo = set(), [error]
    while todo:
        e = todo.pop(0)
        if e is None or id(e) in seen:
            continue
        seen.add(id(e))
        yield e
        cause = getattr(e, "cause", None)
        todo += [
            (getattr(e, "exc_info", None) or (None, None))[1],
            cause if isinstance(cause, BaseException) else None,
            e.__cause__,
            e.__context__ if type(e).__name__ == "CookieLoadError" else None,  # it is raised without "from"
        ]


def _detail(error: BaseException) -> str:
    """A short description: the message of the innermost error, without yt-dlp's advice to its own users."""
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import RequestError

    chain = list(_chain(error))
    if any(isinstance(e, CookieLoadError) for e in chain):
        chain = [e for e in chain if not isinstance(e, CookieLoadError) and "failed to load cookies" not in str(e)]
    chosen = next((e for e in chain if isinstance(e, RequestError)), (chain or [error])[0])
    text = next((line.strip() for line in _without_prefix(chosen).splitlines() if line.strip()), type(chosen).__name__)
    text = re.split(r"; please report this issue|\(caused by|\. Giving up after|: See +https?:", text)[0]
    text = re.sub(r"^HTTPS?Connection\w*\([^)]*\):\s*|^<[^>]* object at 0x\w+>:?\s*", "", text)
    text = without_secrets(text)
    return (text if len(text) <= 160 else text[:157] + "...").strip().rstrip(".:;")


def _without_prefix(error: BaseException) -> str:
    """The message without "ERROR: [site] id:", since an id may contain any word."""
    return re.sub(r"^(ERROR:\s*)?(\[[^\]]+\] ([^:\s]+: )?)?", "", str(error))


def _is_disk_full(chain: list[BaseException], parts: Path) -> bool:
    if any(isinstance(e, OSError) and e.errno == errno.ENOSPC for e in chain):
        return True
    with suppress(OSError):  # ffmpeg's message is not passed on, so check the disk
        return any("exited with code" in str(e) for e in chain) and shutil.disk_usage(parts).free < 2**20
    return False
