"""What the enrolment gate does with photographs that are made worse step by step.

    /usr/bin/python3 bench/enrolment_gate.py [--people 100]

Of LFW's people with two photographs, the first --people in the order of their folders whose first
photograph passes the gate: that photograph is blurred, made smaller, darker and brighter. For each
step: the share that the gate refuses, by reason, and the share that still matches the person's
second photograph at a false match rate of 1e-4 (no face: no match). Prints a Markdown table.

Environment as for tests/real/lfw_open_set.py; needs Pillow.
"""
import argparse
import collections
import ctypes as C
import os
import sys

from PIL import Image, ImageFilter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/real"))
from lfw_open_set import NOT_FOUND, OK, REFUSED, Library, Protocol, each, new_report  # noqa: E402

RGB8 = 1


def shrink(photo, share):
    return photo.resize([round(share * side) for side in photo.size], Image.BICUBIC)


def brighten(photo, rest):
    """Towards white, as too much light does."""
    return photo.point(lambda value: 255 - round(rest * (255 - value)))


STEPS = {"as it is": lambda p: p}
for sigma in (1, 1.5, 2, 2.5, 3, 4):
    STEPS[f"blurred, Gaussian of {sigma} px"] = \
        lambda p, s=sigma: p.filter(ImageFilter.GaussianBlur(s))
for share in (0.75, 0.6, 0.5, 0.4):
    STEPS[f"scaled by {share}"] = lambda p, s=share: shrink(p, s)
for share in (0.5, 0.3, 0.2, 0.1):
    STEPS[f"darkened to {share}"] = lambda p, s=share: p.point(lambda value: round(s * value))
for rest in (0.5, 0.3, 0.2, 0.1):
    STEPS[f"brightened, {rest} of the contrast left"] = lambda p, r=rest: brighten(p, r)


def image_of(lib, photo):
    image, data = C.c_void_p(), photo.tobytes()
    width, height = photo.size
    buffer = C.create_string_buffer(data, len(data))
    lib.call("fm_image_from_pixels", C.byref(image), buffer, C.c_size_t(len(data)), width, height,
             C.c_size_t(0), RGB8)
    return image, buffer


def try_step(lib, photo, other, threshold):
    """(reason, does it still match?)"""
    image, buffer = image_of(lib, photo)
    report, vector = new_report(), (C.c_float * lib.dim)()
    lib.call("fm_gate_check", lib.session(), image, None, C.byref(report),
             expected=(OK, NOT_FOUND, REFUSED))
    status = lib.call("fm_embed", lib.session(), image, None, vector, C.c_size_t(lib.dim), None,
                      None, expected=(OK, NOT_FOUND))
    lib.lib.fm_image_free(image)
    del buffer
    if status != OK:
        return lib.reason(report), False
    score = C.c_float()
    lib.call("fm_compare", lib.embedder, vector, other, C.c_size_t(lib.dim), C.byref(score))
    return lib.reason(report), score.value >= threshold


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=100)
    wanted = parser.parse_args().people
    lib = Library(os.path.abspath(os.environ.get("FACEMATCH_LIBRARY",
                                                 "build/lib/libfacematch.so")),
                  os.environ.get("FACEMATCH_MODELS", "models"))
    folder = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "lfw/images")
    threshold = C.c_float()
    lib.call("fm_model_threshold", lib.embedder, C.c_double(1e-4), C.byref(threshold))
    protocol, people = Protocol(folder, 800), []
    for name, second in protocol.duplicates(800):
        if len(people) < wanted and lib.judge(protocol.enrolled[name]).reason == 0:
            people.append((Image.open(protocol.enrolled[name]).convert("RGB"), lib.embed(second)))
    people = [(photo, other) for photo, other in people if other]
    print("| photograph | refused | reasons | still matches |\n| --- | --- | --- | --- |")
    for step, change in STEPS.items():
        results = each(lambda p: try_step(lib, change(p[0]), p[1], threshold.value), people)
        reasons = collections.Counter(reason for reason, _ in results if reason != "none")
        text = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        print(f"| {step} | {100 * sum(reasons.values()) / len(people):.0f} % | {text} | "
              f"{100 * sum(match for _, match in results) / len(people):.0f} % |", flush=True)


if __name__ == "__main__":
    main()
