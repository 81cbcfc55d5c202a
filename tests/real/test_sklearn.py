"""Does fm_evaluation agree with scikit-learn's roc_curve, and its intervals with SciPy's?

    .venv-tests/bin/python tests/real/test_sklearn.py

Every point of the whole curve must be the same to 1e-9, and every point of ours must be found by
at_threshold. FACEMATCH_LIBRARY is the library. Skips without scikit-learn.
"""
import ctypes as C
import os
import sys
import unittest

try:
    import numpy
    from scipy.stats import binomtest
    from sklearn.metrics import auc, roc_auc_score, roc_curve
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from c_structs import abi  # noqa: E402

LIMIT = -12
CURVE_POINT = numpy.dtype([("fmr", "f8"), ("fnmr", "f8"), ("threshold", "f4"), ("reserved", "f4")])


class Evaluation:
    def __init__(self, scores, genuine):
        self.lib = C.CDLL(os.environ.get("FACEMATCH_LIBRARY", "build/lib/libfacematch.so"))
        self.lib.fm_evaluation_free.argtypes = [C.c_void_p]
        self.handle = C.c_void_p()
        self.call("fm_evaluation_new", C.byref(self.handle), None)
        self.call("fm_evaluation_add", self.handle, self.pointer(scores), self.pointer(genuine),
                  None, None, C.c_size_t(len(scores)))

    def __del__(self):
        self.lib.fm_evaluation_free(self.handle)

    @staticmethod
    def pointer(array):
        return array.ctypes.data_as(C.c_void_p)

    def call(self, name, *args, expected=(0,)):
        error = abi.fm_error(C.sizeof(abi.fm_error))
        status = getattr(self.lib, name)(*args, C.byref(error))
        if status not in expected:
            raise RuntimeError(f"{name}: {error.message.decode()}")
        return status

    def curve(self, room):
        points, count = numpy.zeros(room, CURVE_POINT), C.c_size_t()
        self.call("fm_evaluation_curve", self.handle, self.pointer(points), C.c_size_t(room),
                  C.byref(count))
        return points[:count.value]

    def point(self, name, at, expected=(0,)):
        point = abi.fm_operating_point(struct_size=C.sizeof(abi.fm_operating_point))
        status = self.call(name, self.handle, at, C.byref(point), expected=expected)
        return point if status == 0 else None

    def at_threshold(self, threshold):
        return self.point("fm_evaluation_at_threshold", C.c_float(threshold))

    def at_fmr(self, fmr):
        return self.point("fm_evaluation_at_fmr", C.c_double(fmr), (0, LIMIT))


class Agreement(unittest.TestCase):
    def check(self, scores, genuine):
        scores = scores.astype(numpy.float32)
        genuine = genuine.astype(numpy.uint8)
        ours = Evaluation(scores, genuine)
        fpr, tpr, thresholds = roc_curve(genuine, scores, drop_intermediate=False)
        curve = ours.curve(len(scores) + 8)
        self.assertEqual(len(curve), len(fpr))
        numpy.testing.assert_allclose(curve["fmr"], fpr, rtol=0, atol=1e-9)
        numpy.testing.assert_allclose(1 - curve["fnmr"], tpr, rtol=0, atol=1e-9)
        numpy.testing.assert_array_equal(curve["threshold"][1:], thresholds[1:])
        area = auc(curve["fmr"], 1 - curve["fnmr"])
        self.assertAlmostEqual(area, roc_auc_score(genuine, scores), delta=1e-9)
        for i in numpy.linspace(1, len(fpr) - 1, 50).astype(int):
            point = ours.at_threshold(thresholds[i])
            self.assertAlmostEqual(point.fmr.value, fpr[i], delta=1e-9)
            self.assertAlmostEqual(1 - point.fnmr.value, tpr[i], delta=1e-9)
        for rate in (0.3, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
            point = ours.at_fmr(rate)
            if rate * (genuine == 0).sum() < 1:
                self.assertIsNone(point)
                continue
            self.assertAlmostEqual(1 - point.fnmr.value, tpr[fpr <= rate].max(), delta=1e-9)
            self.check_interval(point.fmr)
            self.check_interval(point.fnmr)

    def check_interval(self, rate):
        exact = binomtest(rate.hits, rate.trials).proportion_ci(0.95, "exact")
        self.assertAlmostEqual(rate.low, exact.low, delta=1e-9)
        self.assertAlmostEqual(rate.high, exact.high, delta=1e-9)

    def test_continuous(self):
        random = numpy.random.default_rng(1)
        genuine = random.random(200000) < 0.1
        self.check(random.normal(size=200000) + 2.5 * genuine, genuine)

    def test_tied(self):
        random = numpy.random.default_rng(2)
        genuine = random.random(50000) < 0.5
        self.check(numpy.round(random.normal(size=50000) + genuine, 2), genuine)

    def test_separated_and_reversed(self):
        genuine = numpy.arange(1000) < 300
        self.check(genuine + numpy.arange(1000) / 1e4, genuine)
        self.check(-1.0 * genuine - numpy.arange(1000) / 1e4, genuine)


if __name__ == "__main__":
    unittest.main()
