"""Nothing runs this: mypy --strict reads it, as it would a program that uses the package."""
from pathlib import Path
from typing import BinaryIO, Optional

import facematch as fm
import numpy as np
from facematch import evaluate
from numpy.typing import NDArray


def everything(path: Path, data: bytes, file: BinaryIO, pixels: NDArray[np.uint8]) -> bool:
    with fm.Model(path) as embedder, fm.Model("mtcnn.pt") as detector:
        session = fm.Session(embedder, detector, selection="largest", threads=2)
        faces: list[fm.Face] = session.detect(data)
        vector: NDArray[np.float32] = session.embed(pixels, faces[0])
        batch = session.embed_batch([path, str(path), data, file, pixels, fm.Image(pixels)])
        found: NDArray[np.bool_] = batch.found
        with fm.Gallery("people.fmg", embedder, key=lambda: data) as gallery:
            gallery.add("anna", vector)
            best: Optional[fm.Match] = gallery.identify(session, file).best
            names: list[str] = [who.id for who in gallery]
        report: fm.PairsReport = evaluate.pairs([0.5, 0.1], [True, False])
        try:
            answer: fm.Verification = session.verify(path, path)
        except fm.errors.NotFoundError as error:
            raise SystemExit(error.message) from error
        return answer.match and best is not None and bool(found.all()) and bool(names) and report.accuracy > 0
