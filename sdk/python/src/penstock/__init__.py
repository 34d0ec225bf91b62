"""Client, worker and command line for Penstock."""
