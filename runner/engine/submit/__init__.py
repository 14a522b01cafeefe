"""Sends marked orders, follows what they are charged, and records what their answers prove.

Not here: what is to be bought, and the meaning of an answer.
Begin at `worker.Submission`, `confirmations.Confirmations`.
"""
