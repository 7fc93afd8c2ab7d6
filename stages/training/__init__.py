"""Training of the networks on simulated scans; every number of it follows from a seed and a step."""
