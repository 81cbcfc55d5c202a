"""Do losses, mined triplets and gradients agree with PyTorch's autograd and pytorch-metric-learning?

    LOSS_PROBE=build/bin/loss_probe .venv-tests/bin/python tests/train/test_losses.py

For each loss and way to mine, 200 random batches, a third of them awkward: duplicates, embeddings
on a coarse grid so that distances and margins tie exactly, one person only, each person once, all
embeddings equal, one row. The reference is float64; figures and gradients must be within 1e-5 of
it (relative where it is above 1), mined triplets the same. Skips without PyTorch or
pytorch-metric-learning.
"""
import os
import struct
import subprocess
import sys
import unittest

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from pytorch_metric_learning import distances, losses, miners, reducers
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BATCHES = 200
TOLERANCE = 1e-5
TRIPLET, SOFTMAX, SIAMESE, CHI_SQUARED = 1, 2, 3, 4
HARD, SEMI_HARD, ALL = 1, 2, 3
MEAN, SUM = 1, 2
FIGURES = ("loss", "mined", "active", "positive_distance", "negative_distance")


class Batch:
    """x float32[n][dim] and labels; weights for the learned metrics."""

    def __init__(self, rng, number):
        awkward = number % 12
        self.n = int(rng.integers(2, 25))
        self.dim = int(rng.choice([1, 2, 3, 8, 16, 33, 64]))
        people = int(rng.integers(2, 7))
        self.margin = float(np.float32(rng.choice([0.05, 0.2, 0.25, 0.5, 1, 4])))
        if awkward == 0 and number % 24 == 0:
            self.n = 1
        self.x = rng.normal(size=(self.n, self.dim)) * rng.choice([0.1, 0.3, 1, 3])
        self.labels = rng.integers(people, size=self.n)
        self.weights = rng.normal(size=self.dim + 1) * rng.choice([0.2, 1])
        if awkward in (1, 2):  # each distance is a sum of squares of quarters: exact, often equal
            self.dim = int(rng.integers(1, 4))
            self.x = rng.integers(-3, 4, size=(self.n, self.dim)) * 0.25
            self.weights = rng.integers(-4, 5, size=self.dim + 1) * 0.5
            self.margin = float(rng.choice([0.0625, 0.125, 0.25, 0.5]))
        elif awkward == 3:  # duplicates, of the same person and of others
            self.x = self.x[rng.integers(max(1, self.n // 3), size=self.n)]
        elif awkward == 4:
            self.labels[:] = 3
        elif awkward == 5:
            self.labels = rng.permutation(self.n)
        elif awkward == 6:
            self.x[:] = self.x[0]
        if awkward == 7 or number % 3 == 0:  # as behind a rectifier: |x| at 0, 0 / 0
            self.x = np.maximum(self.x, 0)
        if number % 10 == 9:  # as learning begins
            self.weights[:] = 0
        if number % 7 == 0:
            self.x *= 10
        self.x = self.x.astype(np.float32)
        self.labels = self.labels.astype(np.int32)
        self.weights = self.weights.astype(np.float32)


def batches(seed):
    rng = np.random.default_rng(seed)
    return [Batch(rng, number) for number in range(BATCHES)]


class Answer:
    """What the library says of a batch."""

    def __init__(self, data, at, batch, has_weights):
        count, = struct.unpack_from("q", data, at)
        self.figures = dict(zip(FIGURES, struct.unpack_from("5d", data, at + 8)))
        at += 48
        self.triplets = np.frombuffer(data, np.int32, 3 * count, at).reshape(count, 3)
        at += self.triplets.nbytes
        self.gradient = np.frombuffer(data, np.float32, batch.x.size, at).reshape(batch.x.shape)
        at += self.gradient.nbytes
        self.weights_gradient = np.frombuffer(data, np.float32,
                                              batch.weights.size if has_weights else 0, at)
        self.end = at + self.weights_gradient.nbytes


def ask(all_batches, loss, mining=0, reduction=0, normalize=0):
    learned = loss in (SIAMESE, CHI_SQUARED)
    request = b"".join(
        struct.pack("6if", loss, *batch.x.shape, normalize, mining, reduction, batch.margin)
        + batch.x.tobytes() + batch.labels.tobytes()
        + (batch.weights.tobytes() if learned else b"") for batch in all_batches)
    done = subprocess.run([os.environ.get("LOSS_PROBE", "build/bin/loss_probe")], input=request,
                          stdout=subprocess.PIPE, check=True)
    at, answers = 0, []
    for batch in all_batches:
        answers.append(Answer(done.stdout, at, batch, learned))
        at = answers[-1].end
    assert at == len(done.stdout)
    return answers


def squared(x):
    """[n][n], without the shortcut by products, which is inexact."""
    return ((x[:, None] - x[None]) ** 2).sum(-1)


def mine(d, labels, mining, margin):
    """The definition, triplet by triplet; argmax and argmin take the first of equals."""
    found = []
    for a in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [q for q in range(len(labels)) if labels[q] != labels[a]]
        if mining == HARD and positives and negatives:
            found.append((a, positives[int(np.argmax(d[a, positives]))],
                          negatives[int(np.argmin(d[a, negatives]))]))
        elif mining != HARD:
            found += [(a, p, q) for p in positives for q in negatives
                      if mining == ALL or (d[a, q] > d[a, p] and d[a, q] - d[a, p] <= margin)]
    return np.array(found, np.int32).reshape(-1, 3)


class ExactSquaredDistance(distances.BaseDistance):
    """LpDistance(power=2) squares torch.cdist's root, so that what ties is no longer equal."""

    def __init__(self):
        super().__init__(normalize_embeddings=False)

    def compute_mat(self, query_emb, ref_emb):
        return squared(query_emb)


class Losses(unittest.TestCase):
    def near(self, got, want, what):
        got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
        self.assertEqual(got.shape, want.shape, what)
        wrong = ~(np.abs(got - want) <= TOLERANCE * np.maximum(1, np.abs(want)))
        wrong &= ~(np.isnan(got) & np.isnan(want))
        self.assertFalse(wrong.any(), f"{what}: {got[wrong][:3]}, not {want[wrong][:3]}")

    def check_distances(self, answer, batch, x):
        d, same = squared(x.detach().numpy()) ** 0.5, batch.labels[:, None] == batch.labels
        pairs = np.triu(np.ones_like(same), 1)
        for name, chosen in (("positive_distance", d[same & pairs]),
                             ("negative_distance", d[~same & pairs])):
            self.near(answer.figures[name], chosen.mean() if chosen.size else np.nan, name)

    def check(self, answer, loss, mined, active, x, what):
        x.grad = None
        loss.backward()
        self.near(answer.figures["loss"], loss.item(), f"{what}, loss")
        self.assertEqual(answer.figures["mined"], mined, what)
        self.assertEqual(answer.figures["active"], active, what)
        self.near(answer.gradient, x.grad, f"{what}, gradient")


class Triplet(Losses):
    def hinges(self, y, triplets, margin):
        a, p, q = torch.from_numpy(triplets.T.astype(np.int64))
        return F.relu(((y[a] - y[p]) ** 2).sum(1) - ((y[a] - y[q]) ** 2).sum(1) + margin)

    def compare(self, mining, reduction, seed, normalize=0):
        all_batches, seen = batches(seed), {"none": 0, "ties": 0, "kinks": 0, "inactive": 0}
        for number, (batch, answer) in enumerate(zip(
                all_batches, ask(all_batches, TRIPLET, mining, reduction, normalize))):
            what = f"batch {number}"
            x = torch.tensor(batch.x, dtype=torch.float64, requires_grad=True)
            y = self.normalized(x) if normalize else x
            d = squared(y.detach().numpy())
            triplets = mine(d, batch.labels, mining, batch.margin)
            np.testing.assert_array_equal(answer.triplets, triplets, what)
            hinges = self.hinges(y, triplets, batch.margin)
            loss = hinges.sum() if reduction == SUM or not len(triplets) else hinges.mean()
            self.check(answer, loss, len(triplets), int((hinges > 0).sum()), x, what)
            self.check_distances(answer, batch, y)
            upper = d[np.triu_indices(batch.n, 1)]
            seen["none"] += not len(triplets)
            seen["ties"] += len(np.unique(upper)) < len(upper)
            a, p, q = triplets.T
            seen["kinks"] += bool((d[a, p] - d[a, q] + batch.margin == 0).any())
            seen["inactive"] += len(triplets) > 0 and not hinges.any()
        self.assertGreater(seen["none"], 20, seen)
        self.assertGreater(seen["ties"], 50, seen)
        if not normalize:
            self.assertGreater(seen["kinks"], 0, seen)
        return seen

    @staticmethod
    def normalized(x):
        """Rounded as the library hands it on, with the gradient of what was not rounded."""
        length = (x ** 2).sum(1, keepdim=True)
        y = torch.where(length > 0, x / torch.where(length > 0, length, torch.ones(())).sqrt(),
                        x.detach())
        return y + (y.detach().float().double() - y.detach())

    def test_batch_hard_mean(self):
        self.compare(HARD, MEAN, 1)

    def test_batch_hard_sum(self):
        self.compare(HARD, SUM, 2)

    def test_semi_hard_mean(self):
        self.compare(SEMI_HARD, MEAN, 3)

    def test_semi_hard_sum(self):
        self.compare(SEMI_HARD, SUM, 4)

    def test_all_mean(self):
        self.compare(ALL, MEAN, 5)

    def test_all_sum(self):
        self.compare(ALL, SUM, 6)

    def test_behind_normalization(self):
        for mining in (HARD, SEMI_HARD, ALL):
            with self.subTest(mining=mining):
                self.compare(mining, MEAN, 7, normalize=1)


class MetricLearning(Losses):
    """pytorch-metric-learning, where it has the same definition: batch-hard and semi-hard mining
    and all triplets, on squared distances, with its reducers for mean and sum.

    Not compared: its TripletMarginMiner("all"), which is all that violate the margin; its default
    reducer, the mean over losses above 0; its ContrastiveLoss, which has no weights to learn. Of
    equals its batch-hard miner promises no order: there the distances must agree.
    """
    MINERS = {HARD: lambda margin: miners.BatchHardMiner(distance=ExactSquaredDistance()),
              SEMI_HARD: lambda margin: miners.TripletMarginMiner(
                  margin=margin, type_of_triplets="semihard", distance=ExactSquaredDistance()),
              ALL: lambda margin: None}

    def compare(self, mining, reduction, seed):
        reducer = (reducers.MeanReducer if reduction == MEAN else reducers.SumReducer)()
        all_batches = batches(seed)
        for number, (batch, answer) in enumerate(zip(
                all_batches, ask(all_batches, TRIPLET, mining, reduction))):
            what = f"batch {number}"
            x = torch.tensor(batch.x, dtype=torch.float64, requires_grad=True)
            labels = torch.from_numpy(batch.labels.astype(np.int64))
            triplets = self.triplets(self.MINERS[mining](batch.margin), x, labels)
            d = squared(batch.x.astype(np.float64))
            if mining == HARD:
                self.same_distances(answer.triplets, triplets, d, what)
            else:
                np.testing.assert_array_equal(answer.triplets, triplets.numpy().T, what)
            chosen = tuple(torch.from_numpy(answer.triplets.T.astype(np.int64)))
            loss = losses.TripletMarginLoss(margin=batch.margin, distance=ExactSquaredDistance(),
                                            reducer=reducer)(x, labels, chosen)
            active = int((d[chosen[0], chosen[1]] - d[chosen[0], chosen[2]] + batch.margin
                          > 0).sum())
            self.check(answer, loss, len(answer.triplets), active, x, what)

    @staticmethod
    def triplets(miner, x, labels):
        from pytorch_metric_learning.utils import loss_and_miner_utils
        found = miner(x, labels) if miner else loss_and_miner_utils.get_all_triplets_indices(labels)
        return torch.stack(tuple(found))

    def same_distances(self, ours, theirs, d, what):
        a, p, q = theirs.numpy()
        np.testing.assert_array_equal(ours[:, 0], a, what)
        np.testing.assert_array_equal(d[a, ours[:, 1]], d[a, p], what)
        np.testing.assert_array_equal(d[a, ours[:, 2]], d[a, q], what)

    def test_batch_hard(self):
        self.compare(HARD, MEAN, 11)
        self.compare(HARD, SUM, 12)

    def test_semi_hard(self):
        self.compare(SEMI_HARD, MEAN, 13)
        self.compare(SEMI_HARD, SUM, 14)

    def test_all(self):
        self.compare(ALL, MEAN, 15)
        self.compare(ALL, SUM, 16)


class Softmax(Losses):
    def test_equals_cross_entropy(self):
        all_batches = batches(21)
        for batch in all_batches:
            batch.labels = batch.labels % batch.x.shape[1]
        for number, (batch, answer) in enumerate(zip(all_batches, ask(all_batches, SOFTMAX))):
            x = torch.tensor(batch.x, dtype=torch.float64, requires_grad=True)
            wrong = int((batch.x.argmax(1) != batch.labels).sum())
            loss = F.cross_entropy(x, torch.from_numpy(batch.labels.astype(np.int64)))
            self.check(answer, loss, batch.n, wrong, x, f"batch {number}")
            self.assertTrue(np.isnan(answer.figures["positive_distance"]))


class LearnedMetrics(Losses):
    @staticmethod
    def siamese(a, b, w):
        return ((a - b).abs() * w[:-1]).sum(1) + w[-1]

    @staticmethod
    def chi_squared(a, b, w):
        s = a.abs() + b.abs()
        terms = torch.where(s > 0, (a - b) ** 2 / torch.where(s > 0, s, torch.ones_like(s)),
                            torch.zeros_like(s))
        return w[-1] - (terms * w[:-1]).sum(1)

    def compare(self, loss, logit, seed):
        all_batches, seen = batches(seed), {"no pair": 0, "one kind": 0, "undecided": 0}
        for number, (batch, answer) in enumerate(zip(all_batches, ask(all_batches, loss))):
            what = f"batch {number}"
            x = torch.tensor(batch.x, dtype=torch.float64, requires_grad=True)
            w = torch.tensor(batch.weights, dtype=torch.float64, requires_grad=True)
            i, j = np.triu_indices(batch.n, 1)
            z = logit(x[i], x[j], w)
            genuine = torch.from_numpy(batch.labels[i] == batch.labels[j])
            kinds = [F.binary_cross_entropy_with_logits(z[of], genuine[of].double())
                     for of in (genuine, ~genuine) if of.any()]
            want = sum(kinds) / len(kinds) if kinds else (x * 0).sum() + (w * 0).sum()
            self.check(answer, want, len(z), int(((z > 0) != genuine).sum()), x, what)
            self.near(answer.weights_gradient, w.grad, f"{what}, weights")
            self.check_distances(answer, batch, x)
            seen["no pair"] += not kinds
            seen["one kind"] += len(kinds) == 1
            seen["undecided"] += bool((z == 0).any())
        self.assertTrue(all(count > 5 for count in seen.values()), seen)

    def test_siamese(self):
        self.compare(SIAMESE, self.siamese, 31)

    def test_chi_squared(self):
        self.compare(CHI_SQUARED, self.chi_squared, 32)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
