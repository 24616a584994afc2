"""What can go wrong for a user, as sentences with the next step in them."""


class FaceitError(Exception):
    """A user's mistake or a state of the world: shown as one sentence, exit code 1."""


class ConfigError(FaceitError):
    """Something in the YAML file: names the file, the place and the nearest right key."""


class MediaError(FaceitError):
    """A video, picture or sound that cannot be fetched, read or written."""


class WeightsError(FaceitError):
    """Model weights that are missing, damaged, too new, or more than data."""
