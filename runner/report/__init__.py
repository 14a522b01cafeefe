"""Shows plans, progress, results and ledgers to people and to programs.

Not here: decisions, sums that planning makes, and files, except for saved plans and the page's own templates.
Begin at `model/model.py` (`ReportModel`), `wording.Amounts`.
"""
