"""What a file holds, before anybody knows which of it is meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Attributes
    ----------
    holds : object
        A state dict, what it is wrapped in, or something else.
    form : str
        Which kind of file it is.
    metadata : mapping of str to str
        What the file says of itself.
    """

    holds: object
    form: str
    metadata: Mapping[str, str] = field(default_factory=dict)
