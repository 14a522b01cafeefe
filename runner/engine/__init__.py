"""Carries out reconcile passes through ports, on one event loop. Marks come before sends.

Not here: decisions that planning can make, SQL, HTTP, files.
Begin at `run.apply`, `ports.Journal`, `ports.Panel`.
"""
