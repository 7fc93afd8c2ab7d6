"""Ports for servers that are killed and started again while clients knock at them."""

import random
import socket

from deploy.local.server import HOST

BELOW_EPHEMERAL = range(12_000, 32_000)
"""The kernel gives clients ports from 32768 on: a client that calls a dead server there may reach itself."""


def free_ports(number: int) -> list[int]:
    """Return ports that nobody listens at for the moment."""
    found: list[int] = []
    while len(found) < number:
        port = random.choice(BELOW_EPHEMERAL)  # noqa: S311 - no secret
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
