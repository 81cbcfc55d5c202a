"""What the tests of `facematch train` train: a tiny architecture, and pictures of people who do not
exist. Run as a program, it writes both: training.py ARCHITECTURE.pt FOLDER.
"""
import json
import math
import os
import random
import sys

SIZE = 32


def blob(rng):
    """A bump somewhere in the picture: centre, radius, height."""
    return (rng.uniform(4, SIZE - 4), rng.uniform(4, SIZE - 4), rng.uniform(3, 8),
            rng.uniform(-90, 90))


def picture(person, photo):
    """A grey picture, as PGM: bumps that are the person's, moved and dimmed by the photograph, which
    adds bumps and a light of its own."""
    face, light = random.Random(1000 + person), random.Random(77777 * (person + 1) + photo)
    blobs = [blob(face) for _ in range(7)] + [blob(light) for _ in range(1)]
    dx, dy, dim = light.uniform(-1.5, 1.5), light.uniform(-1.5, 1.5), light.uniform(0.7, 1.2)
    slope = light.uniform(-2.5, 2.5)
    rows = bytearray()
    for y in range(SIZE):
        for x in range(SIZE):
            value = 120 + slope * (x - SIZE / 2) + light.gauss(0, 5)
            for cx, cy, radius, height in blobs:
                value += dim * height * math.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) /
                                                 (2 * radius ** 2))
            rows.append(max(0, min(255, round(value))))
    return b"P5\n%d %d\n255\n" % (SIZE, SIZE) + bytes(rows)


def write_people(folder, people, photos, first=0):
    """FOLDER/pNN/M.pgm for so many people from `first` on."""
    for person in range(first, first + people):
        place = os.path.join(folder, f"p{person:02d}")
        os.makedirs(place, exist_ok=True)
        for photo in range(photos):
            with open(os.path.join(place, f"{photo}.pgm"), "wb") as file:
                file.write(picture(person, photo))


def write_architecture(path, spread=True):
    """Two convolutions, a linear layer and (which keeps the embeddings of a batch apart) batch
    normalisation; weights can be drawn anew."""
    import torch
    from torch import nn

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 5, stride=2, padding=2)
            self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
            self.last = nn.Linear(16 * 8 * 8, 16)
            self.spread = nn.BatchNorm1d(16, affine=False) if spread else nn.Identity()

        def forward(self, x):
            x = torch.relu(self.first(x))
            x = torch.relu(self.second(x))
            return self.spread(self.last(x.flatten(1)))

        @torch.jit.export
        def initialize(self):
            with torch.no_grad():
                for weight, count in ((self.first.weight, 75), (self.second.weight, 72),
                                      (self.last.weight, 1024)):
                    weight.normal_(0.0, math.sqrt(2 / count))

    points = [[SIZE * x, SIZE * y] for x, y in ((.3, .35), (.7, .35), (.5, .55), (.35, .75),
                                                (.65, .75))]
    manifest = {"format": 1, "name": "tiny", "kind": "embedder", "family": "triplet",
                "input": {"width": SIZE, "height": SIZE, "order": "RGB", "mean": [127.5] * 3,
                          "std": [64.0] * 3},
                "alignment": {"points": points, "border": "zero"},
                "embedding": {"dim": 16, "normalize": True}, "metric": "euclidean", "source": "a test",
                "license": "Apache-2.0", "training_data": "none"}
    torch.manual_seed(1)
    torch.jit.save(torch.jit.script(Tiny()), path,
                   _extra_files={"facematch.json": json.dumps(manifest)})


if __name__ == "__main__":
    write_architecture(sys.argv[1])
    write_people(sys.argv[2], 12, 6)
