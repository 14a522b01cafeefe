"""The report as one HTML file that asks nobody for anything.

Not here: numbers that other formats lack.
Begin at `page.write_html`, `charts.delivery_bars`.
"""
