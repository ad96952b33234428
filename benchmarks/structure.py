"""How easily the code is found and read: long files, vague names, folders that import each other.

    python benchmarks/structure.py                    this checkout
    python benchmarks/structure.py ../before .        two checkouts side by side

A vague name is a variable, parameter, function or class called by a pronoun or a participle alone
(`one`, `found`, `told`, ...), which says nothing of what it holds. Names of tests count apart.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOMS = ("engine", "ingestion", "ranking", "service", "loadtest")
VAGUE = frozenset({
    "one", "found", "told", "said", "asked", "wanted", "given", "shown", "looked", "kept", "made", "taken",
    "known", "seen", "done", "gone", "held",
})  # fmt: skip
LONG = 300


def files(root: Path, folders: Sequence[str]) -> list[Path]:
    """The Python files that git knows below some folders of a checkout."""
    command = ["git", "-C", str(root), "ls-files", "--", *(f"{folder}/*.py" for folder in folders)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [Path(line) for line in listing.splitlines()]


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a module binds: variables, parameters, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name


def is_vague(name: str) -> bool:
    """Whether a name is a pronoun or a participle and nothing else."""
    return name.strip("_").lower() in VAGUE


def folder_imports(root: Path, paths: Sequence[Path]) -> set[tuple[str, str]]:
    """Pairs of folders of which the first imports from the second."""
    modules = {".".join(path.with_suffix("").parts): path.parent.as_posix() for path in paths}
    imports = set()
    for path in paths:
        for node in ast.walk(ast.parse((root / path).read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            module = node.module.removeprefix("vlclip.")
            targets = [module] if module in modules else [f"{module}.{alias.name}" for alias in node.names]
            imports |= {(path.parent.as_posix(), modules[target]) for target in targets if target in modules}
    return {(here, there) for here, there in imports if here != there}


def measure(root: Path) -> dict[str, int]:
    """The figures of one checkout."""
    paths = files(root, ROOMS)
    trees = [ast.parse((root / path).read_text("utf-8")) for path in paths]
    names = [name for tree in trees for _, name in bindings(tree)]
    tests = [
        name
        for path in files(root, ("tests",))
        for _, name in bindings(ast.parse((root / path).read_text("utf-8")))
    ]
    imports = folder_imports(root, paths)
    return {
        "files": len(paths),
        f"files over {LONG} lines": sum(
            len((root / path).read_text("utf-8").splitlines()) > LONG for path in paths
        ),
        "bindings": len(names),
        "vague bindings": sum(map(is_vague, names)),
        "vague bindings in tests": sum(map(is_vague, tests)),
        "pairs of folders importing each other": sum(
            (there, here) in imports for here, there in imports if here < there
        ),
    }


def main() -> None:
    """Print a column for each checkout."""
    roots = [Path(word) for word in sys.argv[1:]] or [Path()]
    figures = [measure(root) for root in roots]
    for name in figures[0]:
        print(f"{name:40s}", *(f"{column[name]:>8,}" for column in figures))


if __name__ == "__main__":
    main()
