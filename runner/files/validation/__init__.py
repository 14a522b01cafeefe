"""The schemas at work, and their findings in words for people.

Not here: rules that no schema can express; these stand in `campaign`.
Begin at `gate.gate`, `diagnose.report_errors`, `findings.Findings`.
"""
