"""What data is: the image in memory, its identity, and the events on a topic."""
