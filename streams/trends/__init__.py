"""Trends of instruments: control charts of what their images show, beside the path of an image."""
