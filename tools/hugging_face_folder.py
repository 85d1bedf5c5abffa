"""Write the folder of a Hugging Face model: python -m tools.hugging_face_folder OUT

OUT gets the model card as README.md, the weights with their card.json, the source bank, the ONNX
export, the licence and SHA256SUMS. Nothing is uploaded. The code can use the folder as it is:

    python process.py --weights OUT --source-bank OUT/source_bank --input SLIDES --output FOUND
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from model.detector import ROOT
from model.hashes import file_sha256
from model.source_bank import SourceBankError, load_bank
from model.weights import WeightsError, load_weights
from slide.image import ImageError
from tools.export_onnx import ExportError, export_checked

ONNX_FILE = "model.onnx"
HASHES_FILE = "SHA256SUMS"
BANK = "source_bank"
COPIED = ("weights.safetensors", "screen.safetensors", "card.json", "LICENSE")
OF_BANK = ("bank.safetensors", "entries.csv")
FILES = f"""
## Files

| file | content |
|---|---|
| `weights.safetensors`, `screen.safetensors`, `card.json` | the network, the screen of its candidates, with threshold, calibration and scores |
| `{BANK}/` | activations of training patches, for the adaptation to an image; no pixels |
| `{ONNX_FILE}` | the mitosis branch: (n, 64, 64, 3) uint8 RGB patches to probabilities, from one view and not calibrated; its metadata has the details |
| `{HASHES_FILE}` | `sha256sum --check {HASHES_FILE}` |

The threshold holds for the program's probabilities, not for those of `{ONNX_FILE}` alone.

    python process.py --weights FOLDER --source-bank FOLDER/{BANK} --input SLIDES --output FOUND

```python
import onnxruntime

session = onnxruntime.InferenceSession("{ONNX_FILE}")
print(session.get_modelmeta().custom_metadata_map)  # pixel size, centre of a patch, threshold, licence
(probabilities,) = session.run(None, {{"patches": patches}})  # patches: (n, 64, 64, 3) uint8 RGB
```
"""  # noqa: E501
LICENCE_HEADING = "\n## Licence\n"
LINK = re.compile(r"\[([^]]+)\]\(\.\./([^)#]+)(#[^)]*)?\)")  # to the code's repository


def write_folder(out: Path, repository: str | None = None, root: Path = ROOT) -> list[str]:
    """Write the folder; a line on each of its files and on the check of the export.

    Args:
        out: a folder that is empty or does not exist yet.
        repository: address of the code, where the card's links lead; None to leave them out.
        root: folder that holds weights/ and source_bank/.

    Raises:
        FileExistsError: the folder is not empty.
        ExportError, ImageError, WeightsError, SourceBankError, OSError: a file is missing, damaged,
            or does not belong to the others.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    _, weights_card = load_weights(root / "weights")
    load_bank(root / BANK, weights_card.sha256, weights_card.domains)
    (out / BANK).mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(root / "weights" / name, out / name)
    for name in OF_BANK:
        shutil.copyfile(root / BANK / name, out / BANK / name)
    card = model_card((root / "weights" / "README.md").read_text(), repository)
    (out / "README.md").write_text(card)
    checked = export_checked(root / "weights", out / ONNX_FILE)
    hashes = "".join(f"{file_sha256(out / name)}  {name}\n" for name in _files(out))
    (out / HASHES_FILE).write_text(hashes)
    sizes = [f"{(out / name).stat().st_size / 2**20:6.1f} MiB  {name}" for name in _files(out)]
    return [*sizes, checked]


def model_card(text: str, repository: str | None) -> str:
    """The repository's model card for a folder of its own: links that lead there, and the files."""

    def link(match: re.Match[str]) -> str:
        words, place, anchor = match.groups()
        if repository is None:
            return str(words)
        return f"[{words}]({repository.rstrip('/')}/blob/main/{place}{anchor or ''})"

    before, heading, after = LINK.sub(link, text).partition(LICENCE_HEADING)
    return f"{before}{FILES}{heading}{after}"


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status is 0, 1 where the export differs, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.hugging_face_folder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write")
    parser.add_argument("--repository", metavar="URL", help="of the code, for links in the card")
    options = parser.parse_args(arguments)
    try:
        print("\n".join(write_folder(options.out, options.repository)))
    except (ExportError, ImageError, WeightsError, SourceBankError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, ExportError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
