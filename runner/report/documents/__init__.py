"""What programs read: JSON, JSON lines, CSV, JUnit, Markdown, GitHub's commands, saved plans, price list changes.

Not here: the text of commands.
Begin at `as_json.json_chunks`, `plan_file.load_plan`, `markdown.to_markdown`.
"""
