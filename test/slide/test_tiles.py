"""Every place in tissue belongs to one tile, wherever the grid is, and glass to none."""

from __future__ import annotations

import numpy as np
import pytest

from slide.tiles import CORE, HALO, tissue_tiles

SIZE, CELL = (9000, 7000), 32


@pytest.mark.parametrize("offset", [(0, 0), (777, 1500), (CORE - 1, 1), (-300, 5000)])
def test_each_place_in_tissue_is_in_one_core(offset: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    near = np.zeros((-(-SIZE[1] // CELL), -(-SIZE[0] // CELL)), bool)
    near[10:60, 20:90] = near[180:, 250:] = True
    tiles = list(tissue_tiles(SIZE, CELL, near, offset))
    points = random.uniform((-0.49, -0.49), np.array(SIZE) - 0.51, (20_000, 2))
    x, y = np.floor(points + 0.5).astype(int).T // CELL
    times = np.sum([tile.contains(points) for tile in tiles], axis=0)
    assert (times[near[y, x]] == 1).all() and (times <= 1).all()
    assert len(tiles) < 20
    for tile in tiles:
        assert tile.x % CELL == 0 and tile.y % CELL == 0
        assert tile.x <= max(tile.left - HALO, 0) and tile.y <= max(tile.top - HALO, 0)
        assert tile.x + tile.width == min(tile.right + HALO, SIZE[0])
        assert tile.y + tile.height == min(tile.bottom + HALO, SIZE[1])
        rows = slice(tile.top // CELL, -(-tile.bottom // CELL))
        assert near[rows, tile.left // CELL : -(-tile.right // CELL)].any()


def test_glass_has_no_tiles() -> None:
    assert not list(tissue_tiles(SIZE, CELL, np.zeros((219, 282), bool)))
