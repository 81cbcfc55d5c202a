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
        with fm.Session(embedder, detector, fm.Model("minifasnet.pt")) as checking:
            seen: fm.LivenessResult = checking.liveness(file, limits=fm.LivenessLimits(apcer=0.01))
            several: list[Optional[fm.LivenessResult]] = checking.liveness_batch([path, pixels])
            with fm.LivenessSequence(checking, max_frames=5) as attempt:
                attempt.add(checking, path, seen.face)
                decided: bool = attempt.result().decided and several[0] is not None
        with fm.Trainer(embedder, detector=detector, loss="triplet", freeze=["blocks"]) as trainer:
            trainer.add(path, "anna", validation=True)
            losses: list[float] = [stats.loss for stats in trainer.run(lambda step: step.loss < 1e-3)]
            trainer.save(path)
        report: fm.PairsReport = evaluate.pairs([0.5, 0.1], [True, False])
        try:
            answer: fm.Verification = session.verify(path, path)
        except fm.errors.NotFoundError as error:
            raise SystemExit(error.message) from error
        return decided and bool(losses) and answer.match and best is not None and bool(found.all()) and bool(names) and report.accuracy > 0
