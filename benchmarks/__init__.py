"""The budgets of the runner, measured as ratios in one run: `python -m benchmarks`. Never timed tests."""
