"""Serving many readers from one process: kept results, turns, a queue for long work. Standard library only."""
