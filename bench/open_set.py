"""Open-set identification on LFW with each preset, by the command line.

    /usr/bin/python3 bench/open_set.py [--models fast,default,accurate] [--people 800]

The protocol of tests/real/lfw_open_set.py, laid out in folders of links: one photograph of each of
800 people is enrolled; all their others and one each of 800 strangers are searched for. Prints the
JSON object of `facematch evaluate identify` for each model. The models' calibrations come from the
same photographs.
"""
import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/real"))

import lfw_open_set  # noqa: E402


def lay_out(place, photographs):
    """photographs: (person, path)."""
    for person, path in photographs:
        folder = os.path.join(place, person)
        os.makedirs(folder, exist_ok=True)
        os.symlink(os.path.abspath(path), os.path.join(folder, os.path.basename(path)))
    return place


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/facematch")
    parser.add_argument("--models", default="fast,default,accurate")
    parser.add_argument("--people", type=int, default=800)
    options = parser.parse_args()
    images = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "lfw/images")
    protocol = lfw_open_set.Protocol(images, options.people)
    with tempfile.TemporaryDirectory(prefix="facematch-open-set-") as place:
        folders = {
            "--gallery-images": lay_out(place + "/gallery", protocol.enrolled.items()),
            "--known": lay_out(place + "/known", protocol.known),
            "--strangers": lay_out(place + "/strangers",
                                   [(os.path.basename(os.path.dirname(path)), path)
                                    for path in protocol.strangers])}
        for model in options.models.split(","):
            subprocess.run([options.program, "evaluate", "identify", "--json", "--model", model,
                            *(word for pair in folders.items() for word in pair)], check=True)


if __name__ == "__main__":
    sys.exit(main())
