"""Draw the detections of a result.json into its image: positives in green, others in grey."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw

from model.image import read_image

RADIUS = 30  # px, 7.5 µm at 0.25 µm per pixel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("result", type=Path, help="result.json of the image")
    parser.add_argument("png", type=Path, help="file to write")
    options = parser.parse_args()
    result = json.loads(options.result.read_text())
    picture = Image.fromarray(read_image(options.image).pixels)
    draw = ImageDraw.Draw(picture)
    for found in result["detections"]:
        positive = found["probability"] >= result["threshold"]
        colour = (0, 140, 60) if positive else (110, 110, 110)
        centre = (found["x"], found["y"])
        draw.circle(centre, RADIUS, outline=colour, width=5 if positive else 2)
        label = f"{found['probability']:.2f}"
        draw.text((centre[0] + RADIUS, centre[1] - RADIUS), label, colour, font_size=22)
    picture.save(options.png)


if __name__ == "__main__":
    main()
