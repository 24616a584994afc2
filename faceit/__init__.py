"""faceit: from a list of videos to a face-swapped video, in three commands."""

__version__ = "0.1.0"
