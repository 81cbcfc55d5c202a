"""Do the programs of examples/python and the snippets of docs/start-python.md run, and answer rightly?"""
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import MODELS, ROOT, fm, photo_path

EXAMPLES = os.path.join(ROOT, "examples", "python")
PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(fm.__file__)))


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="facematch-examples-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_example(self, name, *arguments):
        environment = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER, "FACEMATCH_MODELS": MODELS}
        return subprocess.run([sys.executable, os.path.join(EXAMPLES, name), *arguments], env=environment,
                              capture_output=True, text=True)

    def test_folder_sorter(self):
        known, sorted_folder = os.path.join(self.folder, "known"), os.path.join(self.folder, "sorted")
        for person in ("biden", "obama"):
            os.makedirs(os.path.join(known, person))
            shutil.copy(photo_path(person + ".jpg"), os.path.join(known, person))
        source = os.path.join(self.folder, "source")
        os.mkdir(source)
        for name in ("obama2.jpg", "obama3.jpg", "biden.jpg"):
            shutil.copy(photo_path(name), source)
        with fm.Image(photo_path("biden.jpg")) as photo:  # a wall
            fm.Image(photo.to_array()[:80, :80]).save(os.path.join(source, "wall.png"))
        with open(os.path.join(source, "broken.jpg"), "wb") as file:
            file.write(b"not a picture")
        done = self.run_example("folder_sorter.py", known, source, sorted_folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("broken.jpg is left out", done.stderr)
        found = {name: sorted(os.listdir(os.path.join(sorted_folder, name))) for name in os.listdir(sorted_folder)}
        self.assertEqual(found, {"obama": ["obama2.jpg", "obama3.jpg"], "biden": ["biden.jpg"],
                                 "no-face": ["wall.png"]})
        self.assertEqual(self.run_example("folder_sorter.py").returncode, 1)
        done = self.run_example("folder_sorter.py", known, "/nowhere", sorted_folder)
        self.assertEqual((done.returncode, done.stderr), (1, "/nowhere: no such folder\n"))

    def test_who_is_in_this_picture(self):
        drawn = os.path.join(self.folder, "drawn.png")
        known = [f"{name}={photo_path(name + '.jpg')}" for name in ("biden", "obama")]
        done = self.run_example("who_is_in_this_picture.py", photo_path("obama2.jpg"), drawn, *known)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^obama \(0\.\d\d\)\n$")
        with fm.Image(drawn) as picture:
            self.assertEqual(picture.size, (800, 600))
        done = self.run_example("who_is_in_this_picture.py", "/nowhere.jpg", drawn, *known)
        self.assertEqual((done.returncode, done.stderr), (1, "/nowhere.jpg: no such file\n"))

    def test_they_are_short(self):
        for name in os.listdir(EXAMPLES):
            if name.endswith(".py"):
                with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                    self.assertLess(len(file.readlines()), 120, name)


class Snippets(unittest.TestCase):
    """Those of a page one after the other, in one folder and one namespace, as a reader would try them."""

    def run_page(self, page, names=None, then=None):
        """What its snippets print, and the files that they leave, where `then` may look on."""
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            snippets = re.findall(r"^```python\n(.*?)^```", file.read(), re.M | re.S)
        self.assertTrue(snippets)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.abspath(MODELS), os.path.join(folder, "models"))
            for name, photo in (("a", "obama"), ("b", "obama2"), ("party", "biden")):
                os.symlink(os.path.abspath(photo_path(photo + ".jpg")), os.path.join(folder, name + ".jpg"))
            os.chdir(folder)
            try:
                printed, names = io.StringIO(), names or {}
                with contextlib.redirect_stdout(printed):
                    for number, snippet in enumerate(snippets):
                        exec(compile(snippet, f"snippet {number + 1}", "exec"), names)
                if then:
                    then()
                return printed.getvalue(), os.listdir()
            finally:
                os.chdir(before)

    def test_start_python(self):
        printed, files = self.run_page(os.path.join("docs", "start-python.md"))
        for text in ("the same person", "LOOKS_LIKE_ANOTHER anna", "NOT_FOUND"):
            self.assertIn(text, printed)
        self.assertLessEqual({"mine.pt", "det.png", "people.fmg"}, set(files))

    def test_coming_from(self):
        printed, files = self.run_page(os.path.join("docs", "coming-from.md"))
        self.assertEqual(printed.splitlines()[0], "anna")
        self.assertRegex(printed, r"(?m)^True 0\.\d+ \S+e-\d+\n1 anna ")
        self.assertRegex(printed, r"(?m)^1 \(\d+\.\d+, \d+\.\d+\)$")
        self.assertTrue(printed.endswith("nobody of this gallery\n"), printed)
        self.assertLessEqual({"moved.fmg", "db.fmg"}, set(files))

    def test_tolerances_of_dlib(self):
        with open(os.path.join(ROOT, "docs", "coming-from.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| (0\.\d+) \| -\1 \| 1 in ([\d,]+) \| ([\d.]+) % \| ([\d.]+) % \|$", file.read(), re.M)
        self.assertEqual(len(rows), 5)
        with fm.Model(os.path.join(MODELS, "dlib-resnet-v1.pt")) as model:
            for tolerance, strangers, of_hundred, of_thousand in rows:
                fmr = model.fmr(-float(tolerance))
                self.assertAlmostEqual(fmr * int(strangers.replace(",", "")), 1, delta=0.02)
                for people, told in ((100, of_hundred), (1000, of_thousand)):
                    self.assertAlmostEqual(100 * (1 - (1 - fmr) ** people), float(told), delta=0.51 if "." not in told else 0.051)

    def test_bring_your_own_model(self):
        import torch

        class MyNet(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Conv2d(3, 512, 112)

            def forward(self, pixels):
                return self.layer(pixels).flatten(1)

        self.run_page(os.path.join("docs", "models.md"), {"MyNet": MyNet}, self.own_model_works)

    def own_model_works(self):
        with fm.Model("my-net.pt") as mine, fm.Model("models/mtcnn.pt") as detector, fm.Session(mine, detector) as session:
            self.assertEqual(session.embed("a.jpg").shape, (512,))

    def test_no_page_is_left_out(self):
        """Pages with snippets of Python are named above."""
        with open(__file__, encoding="utf-8") as file:
            tests = file.read()
        for name in ["README.md", *os.listdir(os.path.join(ROOT, "docs"))]:
            if name.endswith(".md"):
                with open(os.path.join(ROOT, name if name == "README.md" else os.path.join("docs", name)), encoding="utf-8") as file:
                    if "```python" in file.read():
                        self.assertIn(f'"{name}"', tests)

    def test_readme(self):
        self.assertEqual(self.run_page("README.md")[0], "the same person\n")


if __name__ == "__main__":
    unittest.main()
