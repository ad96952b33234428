"""Schemathesis asks whatever the description allows: no server error, answers as described."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager, suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

# Left out are those that take the description for the whole truth: which fields a filter may name is a
# matter of the catalogue, so what is described may be refused with a 400.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]


@asynccontextmanager
async def untouched(_):
    """Schemathesis starts and stops the application with each client; the shop outlives them."""
    yield


@pytest.fixture(scope="module")
def described(filled, tmp_path_factory):
    """The API on a shop of its own, which may be written to."""
    folder = tmp_path_factory.mktemp("fuzzed") / "store"
    shutil.copytree(filled, folder)
    shop = Shop(Settings.load(store=str(folder), device="cpu"))
    shop.warm()
    app = create_app(shop)
    app.router.lifespan_context = untouched
    yield schemathesis.openapi.from_asgi("/openapi.json", app)
    shop.close()


@pytest.mark.parametrize(("mode", "examples"), [(GenerationMode.POSITIVE, 15), (GenerationMode.NEGATIVE, 8)])
def test_answers_are_as_described_whatever_is_asked(described, mode, examples):
    n_requests = 0
    for described_operation in described.get_all_operations():
        operation = described_operation.ok()

        @settings(
            max_examples=examples, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case):
            nonlocal n_requests
            case.call_and_validate(checks=CHECKS)
            n_requests += 1

        with suppress(Unsatisfiable):  # where nothing can be asked wrongly
            holds()
    assert n_requests > examples
