"""How the stages ask for downloads: from a project's settings to jobs of the media room."""

from pathlib import Path

from ..media.fetch import Job
from ..project import Project, Video


def fetch_job(project: Project, video: Video) -> Job:
    """The download of one video of the project, in its range and bounded height."""
    return Job(video.url, project.video_stem(video), project.preprocess.height, video.start, video.end)


def cookie_options(project: Project) -> dict:
    """The keyword arguments that hand the project's cookies to the downloader."""
    cookies = project.preprocess.cookies
    return {
        "cookies": None if cookies is None else project.root / Path(cookies).expanduser(),
        "cookies_from_browser": project.preprocess.cookies_from_browser,
    }
