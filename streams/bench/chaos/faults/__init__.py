"""What can go wrong, one file for each kind of thing that it happens to."""
