"""What a report tells, whatever it is written as: built once for each command.

Not here: layout, colours, formats.
Begin at `model.ReportModel`, `build.apply_model`.
"""
