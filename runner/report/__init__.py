"""Tells: plans, progress, results and ledgers as text for people and JSON for programs."""
