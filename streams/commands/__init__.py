"""The command line: one file a command, each a typer function that `streams.cli` registers."""
