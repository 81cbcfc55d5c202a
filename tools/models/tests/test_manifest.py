"""The manifest's canonical form and its check."""

from __future__ import annotations

import copy
import unittest

import helpers  # noqa: F401  (finds the package)
from facematch_models import bundle, catalog, manifest
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

    def test_identity_takes_what_embeddings_and_scores_follow_from(self):
        value = {"metric": "cosine", "input": {"width": 2}, "name": "x", "calibration": {}}
        self.assertEqual(manifest.identity(value), b'{"input":{"width":2},"metric":"cosine"}')
        value = {"metric": "siamese", "metric_weights": {"weights": [0.1, -2.0], "bias": 3}}
        self.assertEqual(manifest.identity(value), b'{"metric":"siamese","metric_weights":'
                                                   b'{"bias":3,"weights":[0.1,-2]}}')


class Scale(unittest.TestCase):
    def test_a_tail_is_of_log_odds_exactly_where_the_metric_is_siamese(self):
        tail = {"exceedances": 9, "score": 0, "fmr": 0.1, "shape": 0, "scale": 1,
                "covariance": [0] * 6}
        base = catalog.RECIPES["dlib-resnet-v1"].manifest()
        weights = {"weights": [1.0] * 128, "bias": 0}
        for metric, of, good in (("cosine", None, True), ("siamese", "log-odds", True),
                                 ("cosine", "log-odds", False), ("siamese", None, False)):
            calibration = {"dataset": "d", "impostor_comparisons": 9,
                           "points": [{"fmr": 0.1, "score": 0.1}, {"fmr": 0.01, "score": 0.5}],
                           "tail": {**tail, "of": of} if of else tail}
            found = manifest.problems({**base, "metric": metric, "metric_weights": weights,
                                       "calibration": calibration})
            self.assertEqual(found == [], good, found)


class Weights(unittest.TestCase):
    def problems(self, metric, weights):
        value = {**catalog.RECIPES["dlib-resnet-v1"].manifest(), "metric": metric}
        del value["calibration"]  # of the distance
        if weights is not None:
            value["metric_weights"] = weights
        return manifest.problems(value)

    def test_a_learned_metric_needs_one_for_each_number(self):
        ones = [1.0] * 128
        for metric, weights in (("siamese", {"weights": ones, "bias": 0.5}),
                                ("weighted_chi_squared", {"weights": ones}), ("cosine", None)):
            self.assertEqual(self.problems(metric, weights), [])
        for metric, weights, text in (
                ("siamese", None, "metric_weights is missing"),
                ("siamese", {"weights": ones}, "metric_weights.bias is not a number"),
                ("siamese", {"weights": ones[1:], "bias": 0}, "metric_weights.weights is not"),
                ("weighted_chi_squared", {"weights": [None] * 128}, "metric_weights.weights"),
                ("weighted_chi_squared", {"weights": ones, "bias": "0"}, "metric_weights.bias")):
            found = self.problems(metric, weights)
            self.assertEqual(len(found), 1, found)
            self.assertIn(text, found[0])


RGB = catalog.RECIPES["mobilefacenet"].fields["input"]


def of_preset(preset):
    return bundle.manifest(preset.name, [(member, catalog.RECIPES[member.model].manifest())
                                         for member in preset.members])


class Bundle(unittest.TestCase):
    def refused(self, members, text):
        with self.assertRaises(ModelsError) as raised:
            bundle.manifest("x", [(bundle.Member(name, weight), {**own, **changes})
                                  for name, weight, own, changes in members])
        self.assertIn(text, str(raised.exception))

    def test_joins_what_its_members_say(self):
        both = of_preset(catalog.PRESETS["accurate"])
        self.assertEqual(both["family"], "bundle")
        self.assertEqual(both["embedding"]["dim"], 192 + 128)
        first, second = both["embedding"]["members"]
        self.assertEqual((first["input"], both["input"]), (RGB, RGB))
        self.assertEqual(second["input"]["width"], 150)
        self.assertNotEqual(first["part"], second["part"])
        self.assertIn("CC0", both["license"])
        self.assertIn("MIT", both["license"])

    def test_a_single_member_keeps_its_family(self):
        self.assertEqual(of_preset(catalog.PRESETS["default"])["family"], "softmax")

    def test_what_flips_goes_on_flipping(self):
        own = catalog.RECIPES["mobilefacenet"].manifest()
        own["embedding"] = {**own["embedding"], "flip": True}
        made = bundle.manifest("x", [(bundle.Member("mobilefacenet"), own)])
        self.assertTrue(made["embedding"]["members"][0]["flip"])

    def test_refuses_what_cannot_be_joined(self):
        good = catalog.RECIPES["mobilefacenet"].manifest()
        self.refused([], "1 to 8 members, not 0")
        self.refused([("a", 1, good, {})] * 9, "not 9")
        self.refused([("a", 0, good, {})], "a: its weight is not positive")
        weights = {"weights": [1.0] * good["embedding"]["dim"], "bias": 0}
        plain = {key: good[key] for key in good if key != "calibration"}
        self.refused([("a", 1, plain, {"metric": "siamese", "metric_weights": weights})],
                     "a: its metric siamese")
        self.refused([("a", 1, good, {"embedding": of_preset(catalog.PRESETS["fast"])["embedding"]})],
                     "a: it is a bundle itself")
        self.refused([("a", 1, catalog.RECIPES["mtcnn"].manifest(), {})], "a: it is no embedder")
        self.refused([("a", 1, good, {"family": "x"})], "a: family")


class Problems(unittest.TestCase):
    def test_all_recipes_are_good(self):
        for recipe in catalog.RECIPES.values():
            self.assertEqual(manifest.problems(recipe.manifest()), [], recipe.name)

    def test_all_presets_are_good(self):
        for preset in catalog.PRESETS.values():
            self.assertEqual(manifest.problems(of_preset(preset)), [], preset.name)

    def test_each_damage_of_a_member_is_reported(self):
        for key, value in (("part", ""), ("dim", 0), ("dim", 7), ("weight", 0), ("flip", 1),
                           ("input", {**RGB, "order": "GBR"}), ("alignment", 7)):
            damaged = copy.deepcopy(of_preset(catalog.PRESETS["accurate"]))
            damaged["embedding"]["members"][1][key] = value
            self.assertEqual(len(manifest.problems(damaged)), 1, f"{key} {value}")

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
