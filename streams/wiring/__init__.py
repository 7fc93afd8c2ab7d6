"""The one folder that names adapters: a file for each kind of process, and how it is put together."""
