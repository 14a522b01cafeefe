"""The words of questions."""

from runner.cli.process.prompts import to_do


def test_what_is_to_be_done_names_only_what_there_is():
    assert to_do(range(2000), [], [1]) == "2,000 order(s) to place and 1 order(s) to cancel"
    assert to_do([], [1], []) == "1 refill(s) to ask for"
