"""Does what was closed come back? 100,000 times an object is made and closed, by close(), by its end or by an
exception; then the process may have grown by less than 256 KiB, which is 13 bytes for each object of one kind: it
grows by none."""
import gc
import os
import unittest

import numpy as np
from support import FakeCase, draw, fake_bytes, fm, manifest

from facematch import errors, evaluate

CYCLES = 100_000
WARM_UP = 4_000
MOST = 256 << 10


def resident():
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Leaks(FakeCase):
    def grown(self, cycle, times, warm_up):
        for i in range(warm_up):
            cycle(i)
        before = resident()
        for i in range(times):
            cycle(i)
        return resident() - before

    def test_cheap_handles(self):
        pixels = np.zeros((16, 16, 3), np.uint8)
        archive = fake_bytes(manifest("calibrated"))

        def cycle(i):
            kind = i % 5
            if kind == 0:
                fm.Image(pixels).close()
            elif kind == 1:
                with fm.Session(self.embedder, self.detector):
                    pass
            elif kind == 2:
                fm.Model.from_bytes(archive)
            elif kind == 3:
                evaluate.Evaluation()
            else:
                try:
                    fm.Image(b"not a picture")
                except errors.CorruptError:
                    pass

        self.assertLess(self.grown(cycle, CYCLES, WARM_UP), MOST)

    def test_work(self):
        """Calls with temporary images, results and callbacks."""
        photo = draw(1)
        gallery = fm.Gallery(self.path("people.fmg"), self.embedder)
        self.addCleanup(gallery.close)
        gallery.add("anna", self.session.embed(photo))

        def cycle(i):
            self.session.embed_aligned([photo, photo])
            gallery.search(np.ones((2, 16), np.float32), threshold=-1)
            self.session.align(photo, fm.Face(120, 80, 80, 80, 1, ((1, 1), (9, 1), (5, 5), (2, 8), (8, 8))))

        self.assertLess(self.grown(cycle, 1000, 300), MOST)

    def test_galleries_and_trainers(self):
        def cycle(i):
            with fm.Gallery(self.path("people.fmg"), self.embedder) as gallery:
                gallery.export_to(self.path("people.jsonl"), progress=lambda done, total: None)
            fm.Trainer(self.embedder, aligned=True, fresh=True, on_finding=lambda finding: None)

        self.assertLess(self.grown(cycle, 200, 50), MOST)


if __name__ == "__main__":
    unittest.main()
