"""The ledger's migrations, run by `streams.adapters.sql_schema`."""
