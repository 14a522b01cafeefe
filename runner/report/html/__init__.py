"""The report as one HTML file that loads nothing from anywhere.

Not here: numbers that the other formats do not have.
Begin at `page.to_html`, `charts.delivery_bars`.
"""
