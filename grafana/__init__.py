"""Dashboards as code: what each panel asks, what it says and what to do about it."""
