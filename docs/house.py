"""`make house`: the folders of `runner/` with their sizes and purposes; exits with 1 if one of them has grown too large.

A folder holds at most a dozen modules, a module at most 400 lines. Each folder's docstring says what lives there, what does
not, and at which names to begin; names that are not there are found.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOST_FILES = 12
MOST_LINES = 400
_FOR_ALEMBIC = "migrations"  # a history, which only grows
_NAME = re.compile(r"`(?P<module>[a-z_]+)\.(?P<name>\w+)`|`(?P<file>[\w/]+\.py)` \(`(?P<within>\w+)`\)")


class Folder(NamedTuple):
    """One folder of modules."""

    path: Path
    files: int
    lines: int
    longest: tuple[int, str]  # lines, name
    docstring: str

    @property
    def purpose(self) -> str:
        """The first line of its docstring."""
        return self.docstring.partition("\n")[0]


def folders(root: Path) -> Iterator[Folder]:
    """Every folder with modules, in the order of their paths."""
    for path in sorted({module.parent for module in root.rglob("*.py")}):
        sizes = {module.name: len(module.read_text(encoding="utf-8").splitlines()) for module in path.glob("*.py")}
        init = path / "__init__.py"
        docstring = (ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or "") if init.exists() else ""
        longest = max((size, name) for name, size in sizes.items())
        yield Folder(path, len(sizes), sum(sizes.values()), longest, docstring)


def faults(folder: Folder, root: Path) -> Iterator[str]:
    """What is wrong with a folder, a line each."""
    where = folder.path.relative_to(root.parent)
    if folder.files > MOST_FILES:
        yield f"{where} holds {folder.files} files, at most {MOST_FILES}: make a folder of what belongs together"
    size, name = folder.longest
    if size > MOST_LINES:
        yield f"{where}/{name} has {size} lines, at most {MOST_LINES}: give a part of it a file of its own"
    if folder.path == root or _FOR_ALEMBIC in folder.path.parts:
        return
    if "\nNot here: " not in folder.docstring or "\nBegin at " not in folder.docstring:
        yield f"{where}/__init__.py has to say what lives there, `Not here: ...` and `Begin at ...`"
    for missing in _missing_names(folder):
        yield f"{where}/__init__.py names {missing}, which is not there"


def _missing_names(folder: Folder) -> Iterator[str]:
    for found in _NAME.finditer(folder.docstring.partition("\nBegin at ")[2]):
        file = folder.path / (found["file"] or f"{found['module']}.py")
        name = found["within"] or found["name"]
        if not file.is_file() or name not in _defined_in(file):
            yield found[0]


def _defined_in(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def main(root: Path) -> int:
    """Print the folders and what is wrong with them; 1 if anything is."""
    found = list(folders(root))
    for folder in found:
        name = str(folder.path.relative_to(root.parent))
        print(f"{name:38} {folder.files:3} files {folder.lines:6,} lines  {folder.purpose}")
    print(f"{'in all':38} {sum(one.files for one in found):3} files {sum(one.lines for one in found):6,} lines")
    wrong = [fault for folder in found for fault in faults(folder, root)]
    for fault in wrong:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1] / "runner"))
