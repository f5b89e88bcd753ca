"""The signal of a rule that it does not describe some use of its operation."""


class UnsupportedError(Exception):
    """What is not described, in a few words; the walk over the graph says in which module it is and what to do."""
