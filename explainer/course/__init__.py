"""Assignments: tasks that a teacher writes or takes, what a student hands in, and what of it holds."""
