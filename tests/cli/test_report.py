"""Does the page of --report hold in a browser?

    /usr/bin/python3 tests/cli/test_report.py

Headless Chromium opens it 400 and 1400 pixels wide: no error on the console, nothing loaded from
elsewhere, nothing wider than the window, and no complaint by axe-core, which is put into a copy of
the page. FACEMATCH_BIN, FACEMATCH_MODELS and FACEMATCH_PHOTOS as for test_cli.py; FACEMATCH_AXE is
axe.min.js, CHROMIUM the browser, FACEMATCH_SHOTS a folder for pictures of the pages. Exit status 77
when one of them is absent.
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import training
from program import MODELS, PROGRAM

PHOTOS = os.environ.get("FACEMATCH_PHOTOS", "build/photos")
AXE = os.environ.get("FACEMATCH_AXE", "build/node/node_modules/axe-core/axe.min.js")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SHOTS = os.environ.get("FACEMATCH_SHOTS")
ODD = "<b onclick='x'>&amp; \"Barack\""
LOOK = """
<script>%s</script>
<script>
window.onload = async function () {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  const told = {violations: found.violations.map(v => [v.id, v.nodes.map(n => n.html)]),
                passes: found.passes.length, width: innerWidth,
                wide: document.documentElement.scrollWidth,
                broken: [...document.images].filter(i => !i.naturalWidth).length,
                images: document.images.length, charts: document.querySelectorAll("svg").length};
  const place = document.createElement("pre");
  place.id = "told";
  place.textContent = JSON.stringify(told);
  document.body.replaceChildren(place);
};
</script>
"""


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="facematch-report-")
        self.addCleanup(self.folder.cleanup)
        for target, source in ((f"in/{ODD}/a", "obama"), (f"in/{ODD}/b", "obama2"),
                               (f"in/{ODD}/c", "obama3"), ("in/biden/a", "biden"),
                               ("gallery/obama/a", "obama"), ("known/obama/b", "obama2"),
                               ("strangers/biden/a", "biden")):
            path = self.path(target + ".jpg")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(f"{PHOTOS}/{source}.jpg", path)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def report(self, *args):
        page = self.path("page.html")
        subprocess.run([PROGRAM, "evaluate", *args, "--report", page], check=True,
                       stdout=subprocess.DEVNULL)
        self.assertEqual(os.stat(page).st_mode & 0o777, 0o600)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        with open(self.path("page.json"), encoding="utf-8") as file:
            return text, json.load(file)

    def chromium(self, *args):
        run = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
                              "--hide-scrollbars", "--user-data-dir=" + self.path("profile"),
                              "--enable-logging=stderr", *args], capture_output=True, text=True,
                             timeout=120, check=True)
        self.assertNotIn("CONSOLE", run.stderr)
        return run.stdout

    def look(self, text, width):
        with open(AXE, encoding="utf-8") as file:
            probe = LOOK % file.read().replace("</script", "<\\/script")
        copy = self.path("copy.html")
        with open(copy, "w", encoding="utf-8") as file:
            file.write(text.replace("</head>", probe + "</head>"))
        page = self.chromium(f"--window-size={width},2000", "--virtual-time-budget=20000",
                             "--dump-dom", "file://" + copy)
        found = re.search(r'<pre id="told">(.*?)</pre>', page, re.S)
        self.assertTrue(found, "the page did not finish")
        return json.loads(html.unescape(found.group(1)))

    def check(self, text, name, images=3):
        self.assertNotRegex(text, r"(src|href)=\"(?!data:)")
        self.assertNotIn("<script", text)
        for width in (400, 1400):
            told = self.look(text, width)
            self.assertEqual(told["violations"], [])
            self.assertGreater(told["passes"], 10)
            self.assertLessEqual(told["wide"], told["width"])
            self.assertEqual(told["broken"], 0)
            self.assertGreaterEqual(told["images"], images)
            self.assertGreaterEqual(told["charts"], 2)
            if SHOTS:
                self.chromium(f"--window-size={width},2600", f"--screenshot={SHOTS}/{name}-{width}.png",
                              "file://" + self.path("page.html"))

    def test_all_pairs(self):
        with open(self.path("people.csv"), "w", encoding="utf-8") as file:
            file.write("folder,<i>office</i>\nbiden,president & more\n")
        text, twin = self.report("all-pairs", "--images", self.path("in"), "--attributes",
                                 self.path("people.csv"), "--threshold", "0.3")
        self.assertNotIn("<b onclick", text)
        self.assertNotIn("<i>office", text)
        self.assertEqual((twin["genuine"], twin["impostor"]), (3, 3))
        self.assertEqual(twin["curve_threshold_fmr_fnmr"][0][1:], [0, 1])
        self.check(text, "all-pairs")

    def test_train(self):
        training.write_architecture(self.path("tiny.pt"))
        training.write_people(self.path("people"), 12, 4)
        os.rename(self.path("people/p03"), self.path(f"people/{ODD}"))
        training.write_people(self.path("people"), 1, 1, first=30)
        page = self.path("page.html")
        subprocess.run([PROGRAM, "train", "--arch", self.path("tiny.pt"), "--data",
                        self.path("people"), "--aligned", "--epochs", "6", "--people", "4",
                        "--report", page, "--out", self.path("<b>m.pt")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        with open(self.path("page.json"), encoding="utf-8") as file:
            twin = json.load(file)
        self.assertEqual(os.stat(page).st_mode & 0o777, 0o600)
        self.assertNotIn("<b>m.pt", text)
        self.assertEqual(len(twin["epochs"]), 6)
        self.assertIn("single", [f["finding"] for f in twin["findings"]])
        self.assertEqual(text.count("<svg"), 5)
        self.check(text, "train", images=0)

    @unittest.skipUnless(os.path.exists(MODELS + "/minifasnet.pt"), "minifasnet is not built")
    def test_pad(self):
        rows = [f"in/{ODD}/{name}.jpg,live," for name in "ab"]
        rows += [f"in/{ODD}/c.jpg,spoof,<i>print", "in/biden/a.jpg,spoof,screen"]
        rows = [row.replace('"', "") for row in rows]  # which a table has none of
        os.rename(self.path(f"in/{ODD}"), self.path("in/" + ODD.replace('"', "")))
        with open(self.path("labels.csv"), "w", encoding="utf-8") as file:
            file.write("path,label,attack\n" + "".join(row + "\n" for row in rows))
        text, twin = self.report("pad", "--images", self.folder.name, "--labels",
                                 self.path("labels.csv"), "--live-score", "0.5", "--spoof-score",
                                 "0.4")
        self.assertNotIn("<i>print", text)
        self.assertEqual([k["kind"] for k in twin["kinds"]], ["live", "<i>print", "screen"])
        self.assertEqual(twin["apcer"]["trials"], 1)
        self.assertEqual(twin["curve_threshold_apcer_bpcer"][0][1:], [0, 1])
        self.check(text, "pad")

    def test_identify(self):
        text, twin = self.report("identify", "--gallery-images", self.path("gallery"), "--known",
                                 self.path("known"), "--strangers", self.path("strangers"))
        self.assertEqual((twin["enrolled"], twin["known"], twin["strangers"]), (1, 1, 1))
        self.assertEqual(twin["rank_1"], 1)
        self.check(text, "identify")


if __name__ == "__main__":
    for needed in (PROGRAM, PHOTOS + "/biden.jpg", AXE, CHROMIUM):
        if not needed or not os.path.exists(needed):
            print(f"skipped: {needed or 'chromium'} is absent")
            sys.exit(77)
    unittest.main()
