"""What runs a network on a tile; `open_engine` chooses."""

from elansr.engines.engine import Engine, Tile, open_engine

__all__ = ["Engine", "Tile", "open_engine"]
