"""The page's own style sheet, scripts and icon."""

from pathlib import Path

ASSETS = Path(__file__).parent / "files"


def asset(name: str) -> str:
    """A text file of the folder."""
    return (ASSETS / name).read_text(encoding="utf-8")
