"""Many readers on one process: results kept, turns taken, long work queued. Standard library only."""
