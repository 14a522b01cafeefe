"""Plain values: exact money, UTC time, links and their keys, text made harmless; batches and memos.

Not here: words of the domain that are made of them.
Begin at `money.parse_amount`, `clock.Clock`, `links.page_key`, `text.clean`.
"""
