"""One campaign file with its CSV files: rows to orders, links that are allowed, ids.

Not here: panels, and rules across campaigns.
Begin at `campaign_file.read_campaign`, `rows.OrderCollector`, `yaml_events.YamlReader`.
"""
