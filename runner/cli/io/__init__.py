"""What commands read and write: the user's files, results, reports, annotations of a CI service.

Not here: how a result looks, which is the business of `report`.
Begin at `inputs.Inputs`, `report_files.publish`, `listener.listener`.
"""
