"""Synthetic SEM images with known truth: what a specimen looks like, and what a scan does to it."""
