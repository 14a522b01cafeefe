"""The report as one HTML file that loads nothing from anywhere.

Not here: numbers that other formats lack.
Begin at `page.write_html`, `charts.delivery_bars`.
"""
