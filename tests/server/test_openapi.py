"""The service does what its OpenAPI says: what schemathesis makes of the description, sent to the app."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="needs pip install schemathesis")
pytest.importorskip("fastapi", reason="needs pip install '.[web]'")

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import CHECKS

from elansr.server.rest import create_app
from elansr.server.service import Service
from tests.server.conftest import PATIENCE

BOUNDED = settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
BEYOND_A_SCHEMA = "positive_data_acceptance"
"""That a file is a picture, or that only one size is given: such requests may get 422."""
NOT_TEXT = "negative_data_rejection"
"""Takes the bytes of a real picture, put in by hand, for something that the schema forbids."""


@pytest.fixture
def schema(serving: Callable[..., Service]) -> Iterator[Any]:
    service = serving(max_pixels=10_000, seconds=PATIENCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what schemathesis does inside is not ours
        yield schemathesis.openapi.from_asgi("/openapi.json", create_app(service, page=False))


def sent(operation: Any, mode: Any, change: Callable[[Any], None], *left_out: str) -> Counter[int]:
    """The statuses of the answers to made-up requests, each looked at by all of schemathesis' checks but some."""
    statuses: Counter[int] = Counter()
    excluded = [check for check in CHECKS.get_all() if check.__name__ in left_out]

    @seed(1)
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def go(case: Any) -> None:
        change(case)
        response = case.call()
        statuses[response.status_code] += 1
        case.validate_response(response, excluded_checks=excluded)

    go()
    return statuses


def test_made_up_requests(schema: Any, file_of: Callable[..., bytes]) -> None:
    """Right ones with a real picture, wrong ones of every kind."""
    picture = file_of("PNG", 3, 4)

    def with_a_picture(case: Any) -> None:
        if isinstance(case.body, dict) and "picture" in case.body:
            case.body = {"picture": picture} | {name: case.body[name] for name in case.body if name == "quality"}

    positive, negative = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    statuses = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        statuses[operation.label] = sent(operation, positive, with_a_picture, BEYOND_A_SCHEMA, NOT_TEXT)
    assert set(statuses) == {"POST /v1/upscale", "GET /v1/models", "GET /healthz", "GET /metrics"}
    assert all(set(found) == {200} for found in statuses.values()), statuses
    upscale = schema["/v1/upscale"]["POST"]
    assert set(sent(upscale, positive, lambda case: None, BEYOND_A_SCHEMA)) <= {200, 422}
    assert set(sent(upscale, negative, lambda case: None)) <= {415, 422}
