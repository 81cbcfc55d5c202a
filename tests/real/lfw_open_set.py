"""Open-set identification on LFW: are strangers told apart, are known people found, and is nobody
enrolled twice?

    /usr/bin/python3 tests/real/lfw_open_set.py [--people 800] [--duplicates 200] [--json]

Drives the library through its C interface. Everything is in the order of the folders' names, so a
run can be repeated: everybody with at least two photographs is a known person, by the first of
them; people with one photograph fill up the gallery to --people; the next --people with one
photograph are the strangers. All other photographs of the known people are searched for, and so are
the strangers', at fpir 0.01. Then as many known people as --duplicates, evenly spread, are enrolled
once more under a new id, by their second photograph, with the default gate; and the gate judges the
photographs that were enrolled.

FACEMATCH_LIBRARY is the library, FACEMATCH_MODELS the folder of models, FACEMATCH_DATA that of data
with lfw/images in it. Exit status 1 when a bound is missed.
"""
import argparse
import collections
import ctypes as C
import json
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from c_structs import abi  # noqa: E402

OK, NOT_FOUND, REFUSED = 0, -5, -19
SKIPPED = 77
MOST_STRANGERS_ACCEPTED = 0.02
LEAST_DUPLICATES_REFUSED = 0.85
BATCH = 1000
FIGURES = [name for name, _ in abi.fm_face_quality._fields_ if name != "reserved"]


def new_report():
    return abi.fm_gate_report(struct_size=C.sizeof(abi.fm_gate_report))


class Library:
    """The C interface: calls raise unless their status is expected."""

    def __init__(self, path, models):
        self.lib = C.CDLL(path)
        self.lib.fm_refusal_name.restype = C.c_char_p
        self.lib.fm_image_free.argtypes = [C.c_void_p]
        self.lib.fm_gallery_close.argtypes = [C.c_void_p]
        self.embedder = self.model(models + "/mobilefacenet.pt")
        self.detector = self.model(models + "/mtcnn.pt")
        self.dim = 192
        self.threads = threading.local()

    def call(self, name, *args, expected=(OK,)):
        err = abi.fm_error(C.sizeof(abi.fm_error))
        status = getattr(self.lib, name)(*args, C.byref(err))
        if status not in expected:
            raise RuntimeError(f"{name}: {err.message.decode()}")
        return status

    def model(self, path):
        model = C.c_void_p()
        self.call("fm_model_load", C.byref(model), path.encode(), None)
        return model

    def session(self):
        """One for each thread."""
        if not hasattr(self.threads, "session"):
            session, options = C.c_void_p(), abi.fm_session_options()
            self.lib.fm_session_options_init(C.byref(options), C.sizeof(options))
            options.detector = C.cast(self.detector, C.POINTER(abi.fm_model))
            self.call("fm_session_create", C.byref(session), self.embedder, C.byref(options))
            self.threads.session = session
        return self.threads.session

    def image(self, path):
        image = C.c_void_p()
        self.call("fm_image_load_file", C.byref(image), path.encode(), None)
        return image

    def reason(self, report):
        return self.lib.fm_refusal_name(report.reason).decode()

    def embed(self, path):
        """The vector of a photograph, or None: no face."""
        image, vector = self.image(path), (C.c_float * self.dim)()
        status = self.call("fm_embed", self.session(), image, None, vector, C.c_size_t(self.dim),
                           None, None, expected=(OK, NOT_FOUND))
        self.lib.fm_image_free(image)
        return vector if status == OK else None

    def judge(self, path):
        """What the default gate says about a photograph."""
        image, report = self.image(path), new_report()
        self.call("fm_gate_check", self.session(), image, None, C.byref(report),
                  expected=(OK, NOT_FOUND, REFUSED))
        self.lib.fm_image_free(image)
        return report

    def gallery(self, path):
        gallery = C.c_void_p()
        self.call("fm_gallery_open", C.byref(gallery), path.encode(), self.embedder, None)
        return gallery

    def add(self, gallery, name, vector):
        self.call("fm_gallery_add", gallery, name.encode(), vector, C.c_size_t(self.dim), None,
                  None)

    def enroll(self, gallery, name, path):
        """Enrol a photograph through the default gate."""
        image, options = self.image(path), abi.fm_enroll_options()
        report = new_report()
        self.lib.fm_enroll_options_init(C.byref(options), C.sizeof(options))
        options.report = C.pointer(report)
        self.call("fm_gallery_enroll", gallery, self.session(), name.encode(), image,
                  C.byref(options), None, expected=(OK, NOT_FOUND, REFUSED))
        self.lib.fm_image_free(image)
        return report

    def search(self, gallery, vectors):
        """The id of the best match of each vector at the default fpir, 0.01; None: nobody."""
        answers = []
        for start in range(0, len(vectors), BATCH):
            some = vectors[start:start + BATCH]
            queries = (C.c_float * (len(some) * self.dim))()
            for i, vector in enumerate(some):
                queries[i * self.dim:(i + 1) * self.dim] = vector
            matches, counts = (abi.fm_match * len(some))(), (C.c_size_t * len(some))()
            self.call("fm_gallery_search", gallery, queries, C.c_size_t(len(some)),
                      C.c_size_t(self.dim), None, matches, C.c_size_t(1), counts, None)
            answers += [m.id.decode() if n else None for m, n in zip(matches, counts)]
        return answers


class Protocol:
    """Which photographs are what."""

    def __init__(self, folder, people):
        photos = {name: [os.path.join(folder, name, file)
                         for file in sorted(os.listdir(os.path.join(folder, name)))]
                  for name in sorted(os.listdir(folder))}
        several = [name for name in photos if len(photos[name]) > 1][:people]
        single = [name for name in photos if len(photos[name]) == 1]
        fill = people - len(several)
        self.enrolled = {name: photos[name][0] for name in several + single[:fill]}
        self.known = [(name, photo) for name in several for photo in photos[name][1:]]
        self.strangers = [photos[name][0] for name in single[fill:fill + people]]
        if len(self.enrolled) < people or len(self.strangers) < people:
            raise SystemExit(f"{folder} has not {people} people and as many strangers")

    def duplicates(self, count):
        """(name, second photograph) of people, evenly spread."""
        second = {}
        for name, photo in self.known:
            second.setdefault(name, photo)
        names = list(second)
        count = min(count, len(names))
        return [(names[i * len(names) // count], second[names[i * len(names) // count]])
                for i in range(count)]


def each(function, items):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def rate(part, whole):
    return part / whole if whole else None


def search_figures(lib, gallery, protocol):
    enrolled = list(protocol.enrolled)
    vectors = each(lib.embed, protocol.enrolled.values())
    for name, vector in zip(enrolled, vectors):
        if vector:
            lib.add(gallery, name, vector)
    strangers = each(lib.embed, protocol.strangers)
    known = each(lib.embed, [photo for _, photo in protocol.known])
    told = lib.search(gallery, [v for v in strangers if v])
    found = lib.search(gallery, [v for v in known if v])
    names = [name for (name, _), v in zip(protocol.known, known) if v]
    accepted = sum(answer is not None for answer in told)
    right = sum(answer == name for answer, name in zip(found, names))
    wrong = sum(answer not in (name, None) for answer, name in zip(found, names))
    return {"enrolled": sum(v is not None for v in vectors), "strangers": len(strangers),
            "strangers_accepted": accepted,
            "strangers_accepted_share": rate(accepted, len(strangers)),
            "known": len(known), "known_found_at_rank_1": right,
            "known_found_at_rank_1_share": rate(right, len(known)), "known_taken_for_another": wrong,
            "no_face": sum(v is None for v in vectors + strangers + known)}


def duplicate_figures(lib, gallery, tries):
    reasons, named = collections.Counter(), 0
    for name, photo in tries:
        new = "again " + name
        report = lib.enroll(gallery, new, photo)
        reasons[lib.reason(report)] += 1
        named += report.other_id.decode() == name
        if report.reason == 0:  # the next try must meet the same gallery
            lib.call("fm_gallery_remove", gallery, new.encode(), None)
    refused = reasons["looks_like_another"]
    return {"tries": len(tries), "looks_like_another": refused,
            "looks_like_another_share": rate(refused, len(tries)), "named_rightly": named,
            "reasons": dict(reasons)}


def percentiles(reports, figure):
    values = sorted(getattr(r.quality, figure) for r in reports if r.face_count)
    return {str(p): round(values[min(int(p / 100 * len(values)), len(values) - 1)], 4)
            for p in (0, 1, 5, 25, 50, 75, 95, 99, 100)}


def gate_figures(lib, photos):
    reports = each(lib.judge, photos)
    return {"photographs": len(reports),
            "reasons": dict(collections.Counter(map(lib.reason, reports))),
            "percentiles": {f: percentiles(reports, f) for f in FIGURES}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=800)
    parser.add_argument("--duplicates", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    library = os.environ.get("FACEMATCH_LIBRARY", "build/lib/libfacematch.so")
    models = os.environ.get("FACEMATCH_MODELS", "models")
    folder = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "lfw/images")
    for path in (library, models + "/mobilefacenet.pt", models + "/mtcnn.pt", folder):
        if not os.path.exists(path):
            print(f"skipped: {path} is absent")
            return SKIPPED
    lib = Library(os.path.abspath(library), models)
    protocol = Protocol(folder, options.people)
    with tempfile.TemporaryDirectory(prefix="facematch-open-set-") as place:
        gallery = lib.gallery(place + "/people.fmg")
        figures = {"search": search_figures(lib, gallery, protocol),
                   "duplicates": duplicate_figures(lib, gallery,
                                                   protocol.duplicates(options.duplicates)),
                   "gate": gate_figures(lib, protocol.enrolled.values())}
        lib.lib.fm_gallery_close(gallery)
    right = (figures["search"]["strangers_accepted_share"] <= MOST_STRANGERS_ACCEPTED and
             figures["duplicates"]["looks_like_another_share"] >= LEAST_DUPLICATES_REFUSED)
    print(json.dumps(figures, indent=None if options.json else 2))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
