"""Scoring of detected mitotic figures against a ground truth."""


class ScoringError(ValueError):
    """A file or folder that cannot be scored; its text names it and says what is wrong."""
