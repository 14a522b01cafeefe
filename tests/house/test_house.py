"""The check of the house: it passes here, and finds what has grown too large or names what is gone."""

from pathlib import Path

import pytest

from docs.house import MOST_FILES, MOST_LINES, faults, folders, main

HERE = Path(__file__).parents[2] / "runner"
DOCSTRING = '"""Does something.\n\nNot here: anything else.\nBegin at `one.begin`, `deep/two.py` (`Two`).\n"""\n'


@pytest.fixture
def room(tmp_path):
    """A house of one room with one file, in which all is well."""
    room = tmp_path / "house" / "room"
    (room / "deep").mkdir(parents=True)
    (tmp_path / "house" / "__init__.py").write_text('"""A house."""\n')
    (room / "__init__.py").write_text(DOCSTRING)
    (room / "one.py").write_text("async def begin():\n    ...\n")
    (room / "deep" / "__init__.py").write_text(DOCSTRING.replace("`one.begin`, `deep/two.py` (`Two`)", "`two.Two`"))
    (room / "deep" / "two.py").write_text("class Two:\n    ...\n")
    return room


def told(room):
    root = room.parent
    return [fault for folder in folders(root) for fault in faults(folder, root)]


def test_this_house_is_in_order():
    assert told(HERE / "any") == []


def test_a_house_in_order_is_printed_with_its_sizes(room, capsys):
    assert main(room.parent) == 0
    printed = capsys.readouterr()
    assert "house/room " in printed.out
    assert "Does something." in printed.out
    assert printed.err == ""


def test_a_dozen_files_are_enough(room):
    for number in range(MOST_FILES - 2):
        (room / f"file{number}.py").write_text("")
    assert told(room) == []
    (room / "one_more.py").write_text("")
    assert told(room) == [
        f"house/room holds {MOST_FILES + 1} files, at most 12: make a folder of what belongs together"
    ]


def test_a_long_file_is_found(room, capsys):
    (room / "one.py").write_text("begin = 1\n" * (MOST_LINES + 1))
    assert told(room) == ["house/room/one.py has 401 lines, at most 400: give a part of it a file of its own"]
    assert main(room.parent) == 1
    assert "401 lines" in capsys.readouterr().err


@pytest.mark.parametrize("without", ["Not here: ", "Begin at "])
def test_a_docstring_says_what_is_not_there_and_where_to_begin(room, without):
    (room / "__init__.py").write_text(DOCSTRING.replace(without, ""))
    assert any("has to say what lives there" in fault for fault in told(room))


def test_a_name_that_is_gone_is_found(room):
    (room / "one.py").write_text("def start():\n    ...\n")
    (room / "deep" / "two.py").unlink()
    assert told(room) == [
        "house/room/__init__.py names `one.begin`, which is not there",
        "house/room/__init__.py names `deep/two.py` (`Two`), which is not there",
        "house/room/deep/__init__.py names `two.Two`, which is not there",
    ]
