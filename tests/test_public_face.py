"""What a user of the library imports: `vlclip`, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import vlclip


@pytest.mark.parametrize("name", vlclip.__all__)
def test_a_public_name_is_what_its_module_holds(name):
    value = getattr(vlclip, name)
    assert value is getattr(import_module(value.__module__), name)
    assert value.__doc__


def test_all_names_are_listed_once_in_order_and_an_unknown_one_is_an_error():
    assert vlclip.__all__ == sorted(set(vlclip.__all__))
    assert set(vlclip.__all__) <= set(dir(vlclip))
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        vlclip.Recomender  # noqa: B018


def test_importing_it_loads_no_library():
    code = "import sys; before = set(sys.modules); import vlclip; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    outside = {name.partition(".")[0] for name in loaded.split()} - set(sys.stdlib_module_names)
    assert outside == {"vlclip"}


def test_a_client_needs_neither_the_models_nor_the_store():
    code = "import sys; from vlclip import Client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "qdrant_edge", "qdrant_client", "numpy"} & set(loaded.split())
