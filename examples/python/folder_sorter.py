"""Sort photographs by who is in them.

    python3 folder_sorter.py KNOWN PHOTOGRAPHS SORTED

KNOWN has a folder for each person, with photographs of them alone. Every photograph of PHOTOGRAPHS is linked (or
copied, across disks) into SORTED/PERSON for each known person in it, else into SORTED/nobody-known or SORTED/no-face.
Nothing is moved or changed. FACEMATCH_MODELS is the folder of models (models).
"""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import facematch as fm

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp"}
MODELS = Path(os.environ.get("FACEMATCH_MODELS", "models"))


def photographs(folder):
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


def enroll_everybody(gallery, session, known):
    for person in sorted(path for path in known.iterdir() if path.is_dir()):
        for photo in photographs(person):
            try:
                gallery.enroll(session, person.name, photo)
            except (fm.errors.RefusedError, fm.errors.NotFoundError) as error:
                print(f"{photo} is not used: {error}", file=sys.stderr)
    if not len(gallery):
        sys.exit(f"{known} has no folder with a photograph that can be used")


def folders_of(gallery, session, path):
    """The names of everybody known in the photograph."""
    with fm.Image(path) as photo:
        faces = session.detect(photo)
        if not faces:
            return {"no-face"}
        vectors = [session.embed(photo, face) for face in faces]
    people = {answer.best.id for answer in gallery.search(vectors, most=1) if answer.best}
    return people or {"nobody-known"}


def link(path, folder):
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    if target.exists():
        return
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    known, source, target = map(Path, sys.argv[1:])
    for folder in (known, source):
        if not folder.is_dir():
            sys.exit(f"{folder}: no such folder")
    embedder, detector = fm.Model(MODELS / "default.pt"), fm.Model(MODELS / "mtcnn.pt")
    with tempfile.TemporaryDirectory() as folder, fm.Session(embedder, detector) as session, \
            fm.Gallery(Path(folder) / "people.fmg", embedder) as gallery:
        enroll_everybody(gallery, session, known)
        for path in photographs(source):
            try:
                names = folders_of(gallery, session, path)
            except fm.Error as error:
                print(f"{path} is left out: {error}", file=sys.stderr)
                continue
            print(f"{path.name}: {', '.join(sorted(names))}")
            for name in names:
                link(path, target / name)


if __name__ == "__main__":
    main()
