"""What an exported model says about itself."""

import json
from typing import Any

import pytest

from elansr.engines.exported import KEY, ExportMetadata
from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig


@pytest.mark.parametrize(
    "changes",
    [{"size": [16]}, {"size": [16, 17]}, {"size": "ab"}, {"size": [-16, 16]}, {"closed": 1}, {"model": 3},
     {"config": {}}, {"config": None}, {"more": 1}],
)  # fmt: skip
def test_metadata_comes_back_as_it_was_or_not_at_all(changes: dict[str, Any]) -> None:
    exported = ExportMetadata(
        "tiny", ELANConfig(scale=2, channels=12, blocks=4, n_share=1), False, "fp16", (32, 48), "CC0-1.0"
    )
    metadata = exported.to_metadata()
    assert ExportMetadata.from_metadata(metadata) == exported
    wrong = json.dumps(json.loads(metadata[KEY]) | changes)
    for text in (wrong, "", "[]", "3"):
        with pytest.raises(WeightsError, match="`elansr export`"):
            ExportMetadata.from_metadata({KEY: text})
