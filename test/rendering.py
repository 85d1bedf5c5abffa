"""Rendered H&E tissue with mitotic figures at known positions, for tests and the sample image.

Concentrations of hematoxylin and eosin are drawn in µm and converted to RGB by the Beer-Lambert
law. The result is good enough to exercise the code: candidates are found in it, and a small network
can learn its figures. It does not replace real tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

CELL_SPACING = 13.0  # µm between neighbouring nuclei of a solid tumour
FIGURE_MARGIN = 12.0  # µm from a figure to the border and to other nuclei's centres


@dataclass(frozen=True)
class Look:
    """The appearance that stain and scanner give the tissue.

    hematoxylin, eosin: optical density in R, G, B of concentration 1 (Macenko et al. 2009);
    white: RGB of empty glass; strength: factors on the two concentrations; blur: µm, standard
    deviation of the point spread; noise: standard deviation in grey levels.
    """

    hematoxylin: tuple[float, float, float] = (0.565, 0.720, 0.406)
    eosin: tuple[float, float, float] = (0.216, 0.801, 0.558)
    white: tuple[float, float, float] = (243.0, 240.0, 242.0)
    strength: tuple[float, float] = (1.0, 1.0)
    blur: float = 0.22
    noise: float = 2.0


PURPLE = Look()
PINK = Look(
    hematoxylin=(0.640, 0.690, 0.330),
    eosin=(0.130, 0.840, 0.460),
    white=(250.0, 244.0, 236.0),
    strength=(0.85, 1.35),
    blur=0.35,
    noise=3.5,
)


def render_tissue(
    size: tuple[int, int] = (1000, 1000),
    figures: int | np.ndarray = 8,
    seed: int = 0,
    mpp: float = 0.25,
    look: Look = PURPLE,
) -> tuple[np.ndarray, np.ndarray]:
    """Render tissue of `size` (height, width) px at `mpp` µm per pixel.

    figures: number of mitotic figures, or their (n, 2) centres in px (x, y). Returns the pixels,
    (height, width, 3) uint8 RGB, and the figures' centres, (n, 2) float64 px (x, y). The same
    arguments give the same image. Raises ValueError if there is not enough room for the figures.
    """
    canvas = _Canvas(size, mpp, np.random.default_rng(seed))
    centres = _place_figures(canvas, figures)
    _draw_stroma_and_cytoplasm(canvas)
    for centre in _place_nuclei(canvas, centres):
        _draw_nucleus(canvas, centre)
    for centre in centres:
        _draw_figure(canvas, centre)
    return canvas.develop(look), centres / mpp


class _Canvas:
    """Concentrations of both stains on a grid of pixels, addressed in µm."""

    def __init__(self, size: tuple[int, int], mpp: float, rng: np.random.Generator) -> None:
        self.mpp, self.rng = mpp, rng
        self.extent = np.array([size[1], size[0]]) * mpp  # µm, (x, y)
        self.hematoxylin = np.zeros(size, np.float32)
        self.eosin = np.zeros(size, np.float32)
        self.fibres = rng.uniform(0, np.pi)  # direction of the stroma, radians
        self.stroma = np.zeros(size, bool)
        self.torn = np.zeros(size, bool)
        self.grain = self.noise(0.5)  # chromatin and cytoplasm are granular at this scale

    def noise(self, across: float, along: float | None = None) -> np.ndarray:
        """Smooth noise of mean 0 and deviation 1, with correlation lengths in µm."""
        height, width = self.eosin.shape
        y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, : width // 2 + 1]
        cosine, sine = np.cos(self.fibres), np.sin(self.fibres)
        lengths = np.array([across, along or across]) / self.mpp
        squared = (lengths[0] * (y * cosine - x * sine)) ** 2
        squared += (lengths[1] * (x * cosine + y * sine)) ** 2
        spectrum = np.exp(-2 * np.pi**2 * squared).astype(np.float32)
        white = self.rng.standard_normal((height, width), np.float32)
        smooth = np.fft.irfft2(np.fft.rfft2(white) * spectrum, (height, width))
        return (smooth / np.sqrt(np.mean(spectrum**2))).astype(np.float32)

    def window(self, centre: np.ndarray, radius: float) -> tuple[tuple[slice, slice], np.ndarray]:
        """The pixels within `radius` µm of `centre`, and their offsets in µm, (h, w, 2) (x, y)."""
        low = np.floor((centre - radius) / self.mpp).astype(int).clip(0)
        high = np.ceil((centre + radius) / self.mpp).astype(int) + 1
        high = np.minimum(high, self.eosin.shape[::-1])
        x = np.arange(low[0], high[0]) * self.mpp - centre[0]
        y = np.arange(low[1], high[1]) * self.mpp - centre[1]
        window = slice(low[1], max(high[1], low[1])), slice(low[0], max(high[0], low[0]))
        return window, np.stack(np.meshgrid(x, y), axis=-1)

    def develop(self, look: Look) -> np.ndarray:
        """RGB uint8 of the stains with the given look."""
        stains = np.stack([self.hematoxylin, self.eosin], axis=-1) * np.array(
            look.strength, np.float32
        )
        density = stains @ np.array([look.hematoxylin, look.eosin], np.float32)
        rgb = np.exp(-density) * np.array(look.white, np.float32)
        rgb = gaussian_filter(rgb, (look.blur / self.mpp, look.blur / self.mpp, 0))
        rgb += look.noise * self.rng.standard_normal(rgb.shape, np.float32)
        return rgb.round().clip(0, 255).astype(np.uint8)


# --------------------------------------------------------------------------------------- positions


def _place_figures(canvas: _Canvas, figures: int | np.ndarray) -> np.ndarray:
    """Centres of the figures, (n, 2) µm (x, y)."""
    if np.ndim(figures) > 0:
        return np.asarray(figures, np.float64).reshape(-1, 2) * canvas.mpp
    count, placed = int(figures), np.empty((0, 2))
    room = canvas.extent - 2 * FIGURE_MARGIN
    for _ in range(200 * count):
        if len(placed) == count:
            break
        place = FIGURE_MARGIN + canvas.rng.random(2) * room
        if (room > 0).all() and _distances(placed, place).min(initial=np.inf) > 2 * FIGURE_MARGIN:
            placed = np.vstack([placed, place])
    if len(placed) < count:
        raise ValueError(f"no room for {count} figures in {canvas.extent} µm")
    return placed


def _place_nuclei(canvas: _Canvas, figures: np.ndarray) -> np.ndarray:
    """A jittered hexagonal lattice that leaves out the figures: (n, 2) µm (x, y)."""
    columns, rows = (canvas.extent / CELL_SPACING).astype(int) + 2
    lattice = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).astype(float)
    lattice[1::2, :, 0] += 0.5
    places = lattice.reshape(-1, 2) * CELL_SPACING
    places += canvas.rng.normal(0, 0.22 * CELL_SPACING, places.shape)
    return np.array([p for p in places if _distances(figures, p).min(initial=99) > FIGURE_MARGIN])


def _distances(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.hypot(*(points - place).T)


# ----------------------------------------------------------------------------------------- drawing


def _draw_stroma_and_cytoplasm(canvas: _Canvas) -> None:
    """Draw granular cytoplasm, bands of fibres between the nests, and tears of white glass."""
    region = canvas.noise(28.0)
    canvas.stroma = region > 0.9
    fibres = canvas.noise(0.8, 9.0)
    cytoplasm = 0.42 + 0.05 * canvas.noise(6.0) + 0.045 * canvas.noise(1.2) + 0.035 * canvas.grain
    band = _ramp((region - 0.9) / 0.3)
    canvas.eosin[:] = cytoplasm + band * (0.16 + 0.16 * fibres)
    canvas.hematoxylin[:] = 0.13 + 0.03 * canvas.noise(4.0) + 0.02 * canvas.grain - 0.06 * band
    tears = _ramp((canvas.noise(3.0, 6.0) + 0.5 * region - 2.1) / 0.25)
    canvas.torn = tears > 0.5
    canvas.eosin *= 1 - tears
    canvas.hematoxylin *= 1 - tears
    np.maximum(canvas.eosin, 0, out=canvas.eosin)
    np.maximum(canvas.hematoxylin, 0, out=canvas.hematoxylin)


def _draw_nucleus(canvas: _Canvas, centre: np.ndarray) -> None:
    """Draw a vesicular tumour nucleus, a spindle in stroma, or a small dark lymphocyte."""
    rng = canvas.rng
    column, row = (centre / canvas.mpp).astype(int).clip(0, np.array(canvas.eosin.shape)[::-1] - 1)
    if canvas.torn[row, column]:
        return
    spindle = canvas.stroma[row, column]
    if spindle:
        axes, stain, coarseness = (rng.uniform(4.5, 7.5), rng.uniform(1.1, 1.8)), 0.95, 0.12
    elif rng.random() < 0.08:
        radius = rng.uniform(2.4, 3.0)
        axes, stain, coarseness = (radius, radius), 1.25, 0.12
    else:
        long = rng.gamma(30, 4.4 / 30)
        axes, stain, coarseness = (long, long * rng.uniform(0.6, 0.95)), rng.uniform(0.4, 0.8), 0.16
    turn = rng.normal(canvas.fibres, 0.25) if spindle else rng.uniform(0, np.pi)
    window, inside, depth = _blob(canvas, centre, axes, turn, roughness=0.05, edge=0.6)
    rim = np.exp(-((depth / 0.45) ** 2))
    chromatin = stain * (1 + 0.45 * rim) + coarseness * canvas.grain[window]
    _stain(canvas, window, inside, chromatin)
    if stain < 0.8 and rng.random() < 0.6:
        nucleolus = centre + rng.normal(0, 0.25 * min(axes), 2)
        window, inside, _ = _blob(canvas, nucleolus, (0.7, 0.6), 0.0, roughness=0.1, edge=0.5)
        _stain(canvas, window, inside, 1.3)


def _draw_figure(canvas: _Canvas, centre: np.ndarray) -> None:
    """Draw a cell with clear cytoplasm and a plate, two separating plates, or a ragged clump."""
    rng = canvas.rng
    turn = rng.uniform(0, np.pi)
    window, cell, depth = _blob(canvas, centre, (8.0, 7.0), turn, roughness=0.04, edge=2.0)
    membrane = 0.12 * np.exp(-(((depth - 0.3) / 0.5) ** 2))
    canvas.eosin[window] += cell * (0.28 + 0.03 * canvas.grain[window] - canvas.eosin[window])
    canvas.eosin[window] += membrane
    canvas.hematoxylin[window] += cell * (0.07 - canvas.hematoxylin[window])
    across = np.array([-np.sin(turn), np.cos(turn)])
    kind = rng.choice(["plate", "anaphase", "clump"], p=[0.45, 0.2, 0.35])
    if kind == "anaphase":
        gap, axes = rng.uniform(2.4, 3.6), (rng.uniform(3.2, 4.2), rng.uniform(1.0, 1.3))
        places = [centre - gap * across, centre + gap * across]
    else:
        plate = (rng.uniform(3.6, 5.0), rng.uniform(1.4, 2.0))
        clump = (rng.uniform(3.0, 4.2), rng.uniform(2.5, 3.2))
        axes, places = (plate if kind == "plate" else clump), [centre]
    for place in places:
        window, inside, _ = _blob(canvas, place, axes, turn, roughness=0.16, edge=0.5)
        _stain(canvas, window, inside, rng.uniform(1.9, 2.4) + 0.12 * canvas.grain[window])


def _blob(
    canvas: _Canvas,
    centre: np.ndarray,
    axes: tuple[float, float],
    turn: float,
    roughness: float,
    edge: float,
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """An irregular ellipse: its window, its coverage in 0..1, and each pixel's depth in µm.

    axes: µm, the two half axes; roughness: relative deviation of the outline; edge: µm
    over which the coverage falls off.
    """
    window, offsets = canvas.window(centre, max(axes) * 1.6 + edge)
    cosine, sine = np.cos(turn), np.sin(turn)
    u, v = (offsets @ np.array([[cosine, -sine], [sine, cosine]]) / np.asarray(axes)).T
    u, v = u.T, v.T
    angle, outline = np.arctan2(v, u), 1.0
    for lobes in range(2, 8):
        phase, height = canvas.rng.uniform(0, 2 * np.pi), canvas.rng.normal(0, roughness)
        outline = outline + height / lobes**0.5 * np.cos(lobes * angle + phase)
    depth = (outline - np.hypot(u, v)) * min(axes)
    return window, _ramp(depth / edge + 0.5), depth


def _stain(
    canvas: _Canvas, window: tuple[slice, slice], inside: np.ndarray, amount: np.ndarray | float
) -> None:
    """Replace the stains by `amount` of hematoxylin and a little eosin."""
    canvas.hematoxylin[window] += inside * (amount - canvas.hematoxylin[window])
    canvas.eosin[window] *= 1 - 0.6 * inside


def _ramp(x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at x <= 0 to 1 at x >= 1."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
