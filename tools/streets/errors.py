"""The one error this tool raises for input that a person can put right."""


class StreetsError(Exception):
    """Its message is one line: what is wrong, and what to do about it."""
