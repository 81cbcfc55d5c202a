"""Exact search among the templates of a gallery, one thread, against FAISS and usearch in one run.

    python bench/gallery.py --library build/lib/libbench_gallery_index.so

All are given the same vectors, made up to lie as face embeddings do: unit length, four to a person,
persons in any direction. They take turns within a round, so that a machine whose speed drifts treats
them alike. The library that is timed runs the index of a gallery as fm_gallery_search does; what is
left out of a search is asking the store whether somebody else has written, some microseconds.

Prints one JSON object per size: medians in milliseconds of one query and of 64 at once, the others'
times as multiples of ours (median and quartiles, round by round), the time of plainly reading as
many bytes as a search scans, memory, and how many of the queries have the ids that a float64 brute
force finds (equal scores, which are float32, in the order of ids).
"""
import argparse
import ctypes
import json
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import faiss  # noqa: E402
import numpy  # noqa: E402
import usearch  # noqa: E402
import usearch.index  # noqa: E402

import machine  # noqa: E402

K, QUERIES, BATCH, BLOCK, MANY = 5, 1000, 64, 65536, 2_000_000
SIZES = [(n, dim) for dim in (128, 512) for n in (10_000, 100_000, 1_000_000)]
SLOW_MS, ENOUGH = 5000, 2  # batches that take so long are repeated so often
METRICS = {"cosine": 1, "euclidean": 2}


class Ours:
    """bench/gallery_index.c."""

    def __init__(self, library, metric, dim, threads):
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.lib = ctypes.CDLL(library)
        self.lib.bench_index_new.restype = pointer
        self.lib.bench_index_new.argtypes = [ctypes.c_int32] * 4
        self.lib.bench_index_add.argtypes = [pointer, pointer, size]
        self.lib.bench_index_search.argtypes = [pointer, pointer, size, size, pointer, pointer]
        self.lib.bench_index_scanned.argtypes = [pointer]
        self.lib.bench_index_scanned.restype = size
        self.lib.bench_index_free.argtypes = [pointer]
        self.lib.bench_index_kernel.restype = ctypes.c_char_p
        self.lib.bench_read.argtypes = [pointer, size]
        self.lib.bench_read.restype = ctypes.c_double
        self.index = self.lib.bench_index_new(METRICS[metric], dim, threads, 0)
        if not self.index:
            raise MemoryError

    def add(self, vectors):
        if self.lib.bench_index_add(self.index, vectors.ctypes.data, len(vectors)):
            raise MemoryError

    def search(self, queries):
        rows = numpy.empty((len(queries), K), numpy.int64)
        scores = numpy.empty((len(queries), K), numpy.float32)
        if self.lib.bench_index_search(self.index, queries.ctypes.data, len(queries), K,
                                       rows.ctypes.data, scores.ctypes.data):
            raise MemoryError
        return rows

    def scanned(self):
        return self.lib.bench_index_scanned(self.index)

    def read(self, data):
        return self.lib.bench_read(data.ctypes.data, data.nbytes) * 1e3

    def close(self):
        self.lib.bench_index_free(self.index)


def block_at(first, n, dim):
    """Vectors first.. of n: float32[<= BLOCK][dim], unit length; the same whenever asked for."""
    random = numpy.random.default_rng([7, first])
    count = min(BLOCK, n - first)
    people = random.standard_normal(((count + 3) // 4, dim), dtype=numpy.float32)
    vectors = numpy.repeat(people, 4, axis=0)[:count]
    vectors += 0.6 * random.standard_normal((count, dim), dtype=numpy.float32)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def blocks(n, dim):
    for first in range(0, n, BLOCK):
        yield first, block_at(first, n, dim)


def make_queries(n, dim):
    """Half of them further pictures of people who are there, half of strangers."""
    random = numpy.random.default_rng(8)
    there = block_at(n // 2 // BLOCK * BLOCK, n, dim)
    known = there[random.integers(0, len(there), QUERIES // 2)] * numpy.float32(dim ** 0.5)
    known = known + 0.6 * random.standard_normal(known.shape, dtype=numpy.float32)
    strangers = random.standard_normal((QUERIES - len(known), dim), dtype=numpy.float32)
    queries = numpy.concatenate([known, strangers])[random.permutation(QUERIES)]
    queries /= numpy.linalg.norm(queries, axis=1, keepdims=True)
    return numpy.ascontiguousarray(queries, numpy.float32)


def brute_force(n, dim, queries, metric):
    """int64[queries][K]: in float64, block by block."""
    spare = K + 8
    q = queries.astype(numpy.float64)
    q_squared = (q ** 2).sum(axis=1)
    best = numpy.full((len(q), spare), -numpy.inf)
    rows = numpy.zeros((len(q), spare), numpy.int64)
    for first, part in blocks(n, dim):
        part = part.astype(numpy.float64)
        squared = (part ** 2).sum(axis=1)
        scores = q @ part.T
        if metric == "cosine":
            scores /= numpy.sqrt(q_squared[:, None] * squared[None])
        else:
            scores = -numpy.sqrt(numpy.maximum(
                q_squared[:, None] + squared[None] - 2 * scores, 0))
        here = numpy.argpartition(-scores, min(spare, len(part) - 1), axis=1)[:, :spare]
        all_scores = numpy.concatenate([best, numpy.take_along_axis(scores, here, 1)], axis=1)
        all_rows = numpy.concatenate([rows, here + first], axis=1)
        keep = numpy.argsort(-all_scores, axis=1, kind="stable")[:, :spare]
        best = numpy.take_along_axis(all_scores, keep, 1)
        rows = numpy.take_along_axis(all_rows, keep, 1)
    answer = numpy.empty((len(q), K), numpy.int64)
    for i in range(len(q)):
        order = numpy.lexsort((rows[i], -best[i].astype(numpy.float32)))
        answer[i] = rows[i][order[:K]]
    return answer


def contenders(n, dim, metric):
    """Name to function of queries to int64[n][K]. Of many vectors only what takes little memory."""
    kind = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    indexes = {"faiss_8bit_uniform": faiss.ScalarQuantizer.QT_8bit_uniform}
    if n <= MANY:
        indexes = {"faiss_flat": None, "faiss_fp16": faiss.ScalarQuantizer.QT_fp16,
                   "faiss_8bit": faiss.ScalarQuantizer.QT_8bit, **indexes}
    for name, code in indexes.items():
        indexes[name] = (faiss.IndexScalarQuantizer(dim, code, kind) if code is not None
                         else faiss.IndexFlat(dim, kind))
        indexes[name].train(block_at(0, n, dim))
    copy = numpy.empty((n if n <= MANY else 0, dim), numpy.float32)
    for first, block in blocks(n, dim):
        for index in indexes.values():
            index.add(block)
        if len(copy):
            copy[first:first + len(block)] = block
    result = {name: lambda q, index=index: index.search(q, K)[1] for name, index in indexes.items()}
    theirs = usearch.index.MetricKind.Cos if metric == "cosine" else usearch.index.MetricKind.L2sq
    if len(copy):
        result["usearch_exact"] = lambda q: usearch.index.search(copy, q, K, theirs, exact=True,
                                                                 threads=1).keys
    return result


def milliseconds(call, *arguments):
    start = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - start) * 1e3


def take_turns(calls, queries, rounds, singles, read):
    """{name: ([one query, per round], [a batch, per round])} and [a plain read, per round]"""
    times = {name: ([], []) for name in calls}
    reads = []
    for turn in range(rounds):
        start = turn * singles % (QUERIES - singles)
        for name, call in calls.items():
            one = [milliseconds(call, queries[i:i + 1]) for i in range(start, start + singles)]
            times[name][0].append(statistics.median(one))
        reads.append(statistics.median(read() for _ in range(singles)))
        for name, call in calls.items():
            if turn < ENOUGH or times[name][1][-1] < SLOW_MS:
                times[name][1].append(milliseconds(call, queries[:BATCH]))
    return times, reads


def compare(times, place):
    ours = times["facematch"][place]
    result = {}
    for name, both in times.items():
        result[name] = {"ms": round(statistics.median(both[place]), 3)}
        if name != "facematch":
            ratios = [b / a for a, b in zip(ours, both[place])]
            result[name]["times_ours"] = round(statistics.median(ratios), 2)
            result[name]["quartiles"] = [round(q, 2)
                                         for q in statistics.quantiles(ratios, n=4)[::2]]
    return result


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(options, n, dim):
    queries = make_queries(n, dim)
    ours = Ours(options.library, options.metric, dim, options.threads)
    before, filled = resident(), 0
    for _, block in blocks(n, dim):
        start = time.perf_counter()
        ours.add(block)
        filled += time.perf_counter() - start
    memory = resident() - before
    print(f"{n} x {dim}: filled", file=sys.stderr)
    want = brute_force(n, dim, queries, options.metric)
    batch = numpy.concatenate([ours.search(queries[i:i + BATCH]) for i in range(0, QUERIES, BATCH)])
    single = numpy.concatenate([ours.search(queries[i:i + 1]) for i in range(QUERIES)])
    print(f"{n} x {dim}: compared with brute force", file=sys.stderr)
    calls = {"facematch": ours.search, **contenders(n, dim, options.metric)}
    same = {name: int((call(queries[:BATCH]) == want[:BATCH]).all(axis=1).sum())
            for name, call in calls.items()}
    data = numpy.ones(ours.scanned(), numpy.uint8)
    times, reads = take_turns(calls, queries, options.rounds, options.singles,
                              lambda: ours.read(data))
    one, many = compare(times, 0), compare(times, 1)
    result = {
        "vectors": n, "dim": dim, "metric": options.metric, "k": K, "threads": options.threads,
        "rounds": options.rounds, "kernel": ours.lib.bench_index_kernel().decode(),
        "queries": QUERIES,
        "equal_to_float64": int((single == want).all(axis=1).sum()),
        "equal_to_float64_batched": int((batch == want).all(axis=1).sum()),
        "equal_of_first_64": same, "one_query": one, "64_queries": many,
        "bytes_scanned": ours.scanned(), "plain_read_ms": round(statistics.median(reads), 3),
        "share_of_bandwidth": round(statistics.median(
            r / o for r, o in zip(reads, times["facematch"][0])), 2),
        "fill_seconds": round(filled, 2),
        "memory_over_floats": round(memory / (4 * n * dim), 3),
        "faiss": faiss.__version__, "usearch": usearch.__version__, **machine.describe()}
    ours.close()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--library", default="build/lib/libbench_gallery_index.so")
    parser.add_argument("--metric", choices=METRICS, default="cosine")
    parser.add_argument("--threads", type=int, default=1, help="of ours; the others have one")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--singles", type=int, default=5, help="queries one by one, per round")
    parser.add_argument("--sizes", default=",".join(f"{n}x{d}" for n, d in SIZES),
                        help="such as 10000000x128, which takes 10 GB of memory")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    for size in options.sizes.split(","):
        n, dim = (int(x) for x in size.split("x"))
        print(json.dumps(measure(options, n, dim)), flush=True)


if __name__ == "__main__":
    main()
