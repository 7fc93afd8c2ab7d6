"""Servers, workers and a publisher of their own, what can go wrong with them, and the count afterwards."""
