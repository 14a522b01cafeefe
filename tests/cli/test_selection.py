"""Files of addresses, and patterns as flags."""

import pytest

from runner.cli.arguments.options import Settings
from runner.cli.arguments.selection import read_selection
from runner.core.errors import ExitCode, InvalidInput, UsageError


def listed(tmp_path, text: str | bytes):
    path = tmp_path / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = read_selection([f"@{path}"], ())
    assert found is not None
    return found.select[0].addresses


def test_a_file_holds_one_address_to_a_line_with_comments(tmp_path):
    text = "\ufeff# from the report of monday\nspring/a\r\n\n  spring/b-1.x   # refused\nautumn/0123456789abcdef\n"
    assert listed(tmp_path, text) == {"spring/a", "spring/b-1.x", "autumn/0123456789abcdef"}


@pytest.mark.parametrize("line", ["spring", "spring/", "/a", "spring/a b", "spring/*", "tag:video", "spring/a/b"])
def test_a_line_that_is_no_address_is_told_with_its_place(tmp_path, line):
    with pytest.raises(InvalidInput, match=r"list\.txt:2:1: .* is no address of an order"):
        listed(tmp_path, f"spring/a\n{line}\n")


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        read_selection(["@" + str(tmp_path / "none")], ())
    with pytest.raises(InvalidInput, match="not UTF-8"):
        listed(tmp_path, b"\xff\xfe")


def test_a_pattern_that_means_nothing_is_a_usage_error():
    with pytest.raises(UsageError, match="no such status") as wrong:
        read_selection(["status:fine"], ())
    assert wrong.value.code is ExitCode.USAGE
    assert "refused" in wrong.value.hint


def test_settings_without_patterns_select_everything():
    assert Settings().selection is None


def test_a_file_is_read_once_whatever_becomes_of_the_settings(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("spring/a\n")
    settings = Settings(select=(f"@{path}",))
    path.unlink()
    assert settings.selection is not None
    assert settings.selection.select[0].addresses == {"spring/a"}
