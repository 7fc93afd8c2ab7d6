"""The words for what can go wrong. Every adapter maps its library's errors to the first two.

::

    TransientError   back off and try again; nothing is committed
    InvalidImage     the image goes to the dead letters with this reason; its offset is committed
    UsageError       wrong usage or configuration: one line on stderr, exit code 2
    anything else    ends the process and is seen
"""


class TransientError(Exception):
    """The world is not ready: try again later. The message says what was tried and what to look at."""


class InvalidImage(Exception):
    """The image cannot be processed, however often it is tried. The message is the reason its owner reads."""


class ObjectLost(InvalidImage):
    """An object is gone or altered: what was remembered of it is to be forgotten.

    Parameters
    ----------
    key
        The object's.
    reason
        What its owner reads.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class UsageError(Exception):
    """The command or its configuration is wrong. The message says how to put it right."""
