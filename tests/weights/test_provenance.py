"""Provenance holds what JSON can; its model card is YAML that the Hub reads, and tables that no text breaks."""

import dataclasses

import numpy as np
import pytest
import yaml

from elansr.errors import WeightsError
from elansr.weights.provenance import Provenance, model_card
from tests.weights.by_hand import TINY
from tests.weights.samples import PROVENANCE


def front_matter(card: str) -> dict[str, object]:
    start, yaml_text, _ = card.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(yaml_text)


def rows(card: str) -> dict[str, str]:
    """The two-column rows of a card's tables."""
    return dict(line[2:-2].split(" | ", 1) for line in card.splitlines() if line.startswith("| "))


def test_what_the_hub_reads() -> None:
    assert front_matter(model_card(TINY, 1, PROVENANCE)) == {
        "license": "apache-2.0",
        "library_name": "elansr",
        "pipeline_tag": "image-to-image",
        "tags": ["image-super-resolution", "super-resolution", "elan"],
    }


def test_what_the_hubs_own_library_reads() -> None:
    hub = pytest.importorskip("huggingface_hub", reason="comes with the extra `hub`")
    data = hub.ModelCard(model_card(TINY, 1, PROVENANCE)).data.to_dict()
    wanted = {"license": "apache-2.0", "library_name": "elansr", "pipeline_tag": "image-to-image"}
    assert {name: data[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-SA-4.0", {"license": "cc-by-sa-4.0"}),
        ("my own: terms\n- x", {"license": "other", "license_name": "my own: terms\n- x"}),
        ("", {}),
    ],
)
def test_licences(licence: str, expected: dict[str, str]) -> None:
    found = front_matter(model_card(TINY, 1, Provenance(licence=licence)))
    assert {key: value for key, value in found.items() if key.startswith("license")} == expected


def test_the_figures_are_those_of_the_provenance() -> None:
    found = rows(model_card(TINY, 12345, PROVENANCE))
    assert (found["val PSNR-Y"], found["Set5 x2, PSNR-Y"]) == ("30.12", "37")
    assert (found["parameters"], found["steps"], found["data"]) == ("12,345", "3", "two photos, CC0")


def test_nothing_is_invented() -> None:
    card = model_card(TINY, 1, Provenance(created="", elansr_version=""))
    assert rows(card)["data"] == rows(card)["licence"] == rows(card)["created"] == "not stated"
    assert "\n# ELAN\n" in card
    assert "Not stated." in card


def test_no_text_breaks_a_table_or_leaves_its_block() -> None:
    hostile = "a | b\n\n# heading\n```\n---"
    card = model_card(TINY, 1, dataclasses.replace(PROVENANCE, name=hostile, data=hostile, recipe=hostile))
    assert rows(card)["data"] == "a \\| b # heading ``` ---"
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings == ["# a \\| b # heading ``` ---", "## Figures", "## Recipe"]
    assert "    # heading\n    ```\n    ---" in card


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("steps", 1.5),
        ("steps", -1),
        ("steps", True),
        ("metrics", [1]),
        ("metrics", {"a": {"b": float("inf")}}),
        ("metrics", {1: 2.0}),
        ("metrics", {"a": 10**400}),
        ("metrics", {"a": None}),
        ("metrics", {"a": np.float32(1)}),
        ("created", "yesterday"),
    ],
)
def test_a_provenance_holds_only_what_json_can(field: str, value: object) -> None:
    with pytest.raises(WeightsError, match=f"provenance {field}="):
        Provenance(**{field: value})


def test_a_provenance_knows_when_and_by_what_it_was_made() -> None:
    assert len(Provenance().created) == len("2026-03-01")
    assert Provenance.from_json(Provenance(name="\ud800 \u00fc").to_json()).name == "\ud800 \u00fc"


@pytest.mark.parametrize(
    ("changes", "faithful"),
    [
        ({}, True),
        ({"recipe": "by hand"}, True),
        ({"recipe": '{"data": {"degradation": null}, "adversarial": null}'}, True),
        ({"recipe": '{"data": {"degradation": {"rounds": 1}}}'}, False),
        ({"recipe": 'the mean of a and b; the last: {"data": {"degradation": {"rounds": 1}}}'}, False),
        ({"recipe": '{"data": {}, "adversarial": {"weight": 0.01}}'}, False),
        ({"name": "elan-light-x4-real"}, False),
        ({"started_from": "elan-light-x4-real"}, False),
    ],
)
def test_what_was_trained_for_photos_is_not_for_fidelity(changes: dict[str, str], faithful: bool) -> None:
    assert Provenance(**changes).for_fidelity is faithful
