"""The one exception that stands for an expected failure."""


class ModelsError(Exception):
    """Something a person can act on: its text is shown as it is, without a traceback."""
