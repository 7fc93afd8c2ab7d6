"""Benchmarks of the product itself: how faithful its results are, measured against clean references."""
