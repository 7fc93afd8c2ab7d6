"""`semstream top`: what a fleet of processes is at now, asked of a Prometheus or of the processes themselves."""
