"""What programs read: JSON, JSON lines, CSV, JUnit, Markdown, GitHub's commands, saved plans.

Not here: text for a terminal.
Begin at `as_json.write_json`, `plan_file.load_plan`, `markdown.to_markdown`.
"""
