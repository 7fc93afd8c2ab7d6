"""Command line: ``python -m deploy.local up|down|status``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.programs import StackError
from deploy.local.stack import NAME_WIDTH, NAMES, S3, SERVERS, Stack, usual

ABOUT = """\
Kafka, S3, Redis and PostgreSQL on this machine without a container engine, all in the folder .stack, on loopback;
beside them Prometheus and alertmanager where they are installed, which nothing needs.

up      start what does not run, wait until it answers, write .stack/settings.toml (which semstream reads)
down    stop everything; the data stays for the next time, unless --wipe
status  show what up starts, and what else runs
"""


def main(arguments: Sequence[str]) -> int:
    """Run a command; give its exit code."""
    options = _parser().parse_args(arguments)
    stack = Stack(options.root.resolve(), lambda line: print(line, flush=True))  # noqa: T201 - the interface
    try:
        {"up": _up, "down": _down, "status": _status}[options.command](stack, options)
    except StackError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the interface
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m deploy.local", description=ABOUT, formatter_class=shape)
    parser.add_argument("--root", type=Path, default=Path(".stack"), help="folder of the stack (.stack)")
    commands = parser.add_subparsers(dest="command", required=True)
    up, down, _ = (commands.add_parser(name) for name in ("up", "down", "status"))
    for command in (up, down):
        command.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}")
    up.add_argument("--s3", choices=S3, default=S3[0], help="the S3 server that settings.toml names")
    down.add_argument("--wipe", action="store_true", help="remove data and logs as well, but no program")
    return parser


def _up(stack: Stack, options: argparse.Namespace) -> None:
    if options.only:
        stack.up([server for server in SERVERS if server.name in options.only])
        return
    servers = usual(options.s3)
    stack.up_as_far_as_needed(servers)
    stack.write_settings(servers)
    stack.say(f"settings: {stack.settings}")


def _down(stack: Stack, options: argparse.Namespace) -> None:
    servers = [server for server in SERVERS if server.name in (options.only or NAMES)]
    if not options.only:
        stack.settings.unlink(missing_ok=True)
    stack.down(servers)
    if options.wipe:
        stack.wipe(servers)


def _status(stack: Stack, _: argparse.Namespace) -> None:
    runs = {server.name for server in SERVERS if stack.runs(server)}
    chosen = next((name for name in S3 if name in runs), S3[0])
    shown = [server for server in SERVERS if server in usual(chosen) or server.name in runs]
    rows = [("server", "address", "process", "memory", ""), *map(stack.status, shown)]
    for row in rows:
        stack.say("{:<{width}} {:<16} {:>8} {:>8}  {}".format(*row, width=NAME_WIDTH).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
