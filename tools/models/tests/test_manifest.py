"""The manifest's canonical form and its check."""

from __future__ import annotations

import copy
import unittest

import helpers  # noqa: F401  (finds the package)
from facematch_models import catalog, manifest
from facematch_models.errors import ModelsError


class Canonical(unittest.TestCase):
    def test_sorts_keys_and_drops_white_space(self):
        self.assertEqual(manifest.canonical({"b": [1, 2], "a": {"d": True, "c": None}}),
                         '{"a":{"c":null,"d":true},"b":[1,2]}')

    def test_numbers_have_one_spelling(self):
        for value, text in ((127, "127"), (127.0, "127"), (-0.0, "0"), (127.5, "127.5"),
                            (122.782, "122.782"), (38.2946, "38.2946"), (-3, "-3"),
                            (0.1, "0.1"), (1 / 3, "0.333333333"), (1e-7, "1e-07"),
                            (2.5e20, "2.5e+20"), (2 ** 53 - 1, "9007199254740991"),
                            (2 ** 53, "9.00719925e+15")):
            self.assertEqual(manifest.canonical(value), text)

    def test_strings_escape_only_quote_and_backslash(self):
        self.assertEqual(manifest.canonical('a"b\\c/é'), '"a\\"b\\\\c/é"')

    def test_refuses_numbers_that_are_not_finite(self):
        for value in (float("nan"), float("inf")):
            with self.assertRaises(ModelsError):
                manifest.canonical(value)

    def test_identity_takes_four_fields_only(self):
        value = {"metric": "cosine", "input": {"width": 2}, "name": "x", "calibration": {}}
        self.assertEqual(manifest.identity(value), b'{"input":{"width":2},"metric":"cosine"}')


class Problems(unittest.TestCase):
    def test_all_recipes_are_good(self):
        for recipe in catalog.RECIPES.values():
            self.assertEqual(manifest.problems(recipe.manifest()), [], recipe.name)

    def test_each_damage_is_reported(self):
        damages = {
            "format": 2, "name": "", "kind": "net", "family": "x", "metric": "l7", "source": None,
            "input.width": 0, "input.width ": 112.5, "input.order": "GBR", "input.mean": [1, 2],
            "input.std": [1, 0, 1], "embedding.dim": True, "embedding.normalize": 1,
            "alignment.points": [[1, 2]] * 4, "alignment.border": "wrap",
            "runtime.memory_format": "nchw", "runtime.batch": 0,
        }
        for place, value in damages.items():
            value_of = copy.deepcopy(catalog.recipe("mobilefacenet").manifest())
            target, *rest = place.strip().split(".")
            if rest:
                value_of[target][rest[0]] = value
            else:
                value_of[target] = value
            self.assertEqual(len(manifest.problems(value_of)), 1, place)

    def test_calibration_must_be_ordered(self):
        good = {"dataset": "d", "impostor_comparisons": 9,
                "points": [{"fmr": 0.1, "score": 0.2}, {"fmr": 0.01, "score": 0.4}]}
        self.assertEqual(manifest.calibration_problems(good), [])
        good["points"][1]["score"] = 0.1
        self.assertEqual(len(manifest.calibration_problems(good)), 1)
        self.assertTrue(manifest.calibration_problems({"dataset": "d"}))


if __name__ == "__main__":
    unittest.main()
