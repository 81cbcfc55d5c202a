"""Who is in this picture? Draws a box around every face, with the name of whoever is known.

    python3 who_is_in_this_picture.py PICTURE DRAWN NAME=PHOTOGRAPH...

DRAWN is a .png or .jpg to write. FACEMATCH_MODELS is the folder of models (models). Needs matplotlib
(pip install facematch[plots]).
"""
import os
import sys
import tempfile

import facematch as fm
from facematch import plots

MODELS = os.environ.get("FACEMATCH_MODELS", "models")


def label(answer):
    if answer.best is None:
        return "?"
    return f"{answer.best.id} ({answer.best.score:.2f})"


def main():
    known = [argument.partition("=") for argument in sys.argv[3:]]
    if not known or not all(name and photo for name, _, photo in known):
        sys.exit(__doc__.strip())
    picture, drawn = sys.argv[1:3]
    embedder = fm.Model(os.path.join(MODELS, "default.pt"))
    detector = fm.Model(os.path.join(MODELS, "mtcnn.pt"))
    with tempfile.TemporaryDirectory() as folder, fm.Session(embedder, detector) as session, \
            fm.Gallery(os.path.join(folder, "people.fmg"), embedder) as gallery:
        for name, _, photo in known:
            gallery.enroll(session, name, photo)
        with fm.Image(picture) as image:
            faces = session.detect(image)
            vectors = [session.embed(image, face) for face in faces]
            labels = [label(answer) for answer in gallery.search(vectors, most=1)] if faces else []
            plots.faces(image, faces, labels).figure.savefig(drawn, dpi=100)
    print(", ".join(labels) or "nobody")


if __name__ == "__main__":
    try:
        main()
    except fm.Error as error:
        sys.exit(str(error))
