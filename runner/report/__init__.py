"""Tells: plans, progress, results and ledgers, for people and for programs.

Not here: decisions, sums that planning makes, I/O except to a given stream.
Begin at `model/model.py` (`ReportModel`), `wording.Amounts`.
"""
