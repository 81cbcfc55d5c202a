"""Approximate search in galleries: recall, time, and what the graph costs. Needs numpy.

    python bench/hnsw.py --library build/lib/libbench_gallery_index.so

Every vector is a person of its own, every query another picture of one of them. Vectors lie as those of
dlib's face network on LFW do: axis k has a variance of 1 / (1 + (k / 5)^1.25) between people, and half
of it between pictures of one person. Prints one JSON object per size: the share of the 5 best of exact
search that approximate search finds (of the first alone, too), the recall that fm_gallery_recall
would tell, medians in milliseconds of one query by both searches in turn, the time and the memory that
the graph takes.
"""
import argparse
import ctypes
import json
import os
import statistics
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy  # noqa: E402

import machine  # noqa: E402

K, QUERIES, BLOCK, COSINE, HNSW = 5, 1000, 65536, 1, 1


class Index:
    """bench/gallery_index.c."""

    def __init__(self, library, dim, threads):
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.lib = ctypes.CDLL(library)
        self.lib.bench_index_new.restype = pointer
        self.lib.bench_index_new.argtypes = [ctypes.c_int32] * 4
        self.lib.bench_index_add.argtypes = [pointer, pointer, size]
        self.lib.bench_index_settle.argtypes = [pointer]
        for search in (self.lib.bench_index_search, self.lib.bench_index_search_near):
            search.argtypes = [pointer, pointer, size, size, pointer, pointer]
        self.lib.bench_index_recall.argtypes = [pointer, size, size]
        self.lib.bench_index_recall.restype = ctypes.c_double
        self.index = self.lib.bench_index_new(COSINE, dim, threads, HNSW)
        if not self.index:
            raise MemoryError

    def add(self, vectors):
        if self.lib.bench_index_add(self.index, vectors.ctypes.data, len(vectors)):
            raise MemoryError

    def settle(self):
        if self.lib.bench_index_settle(self.index):
            raise MemoryError

    def search(self, query, near):
        rows, scores = numpy.empty(K, numpy.int64), numpy.empty(K, numpy.float32)
        call = self.lib.bench_index_search_near if near else self.lib.bench_index_search
        start = time.perf_counter()
        if call(self.index, query.ctypes.data, 1, K, rows.ctypes.data, scores.ctypes.data):
            raise MemoryError
        return rows, (time.perf_counter() - start) * 1e3


def faces(n, dim):
    """People block by block, and pictures that are the queries."""
    axes = (1 / (1 + (numpy.arange(1, dim + 1) / 5) ** 1.25)) ** 0.5
    random = numpy.random.default_rng(7)

    def picture(people):
        both = people + 0.5 ** 0.5 * axes * random.standard_normal(people.shape)
        return (both / numpy.linalg.norm(both, axis=1, keepdims=True)).astype(numpy.float32)

    queries = []
    for first in range(0, n, BLOCK):
        people = axes * random.standard_normal((min(BLOCK, n - first), dim))
        asked = -(-QUERIES * len(people) // n)
        queries.append(picture(people[random.integers(0, len(people), asked)]))
        yield picture(people), queries


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(options, n, dim):
    index = Index(options.library, dim, options.threads)
    for vectors, queries in faces(n, dim):
        index.add(vectors)
    queries = numpy.concatenate(queries)[:QUERIES]
    before, start, work = resident(), time.perf_counter(), time.process_time()
    index.settle()
    seconds, work = time.perf_counter() - start, time.process_time() - work
    print(f"{n} x {dim}: built in {seconds:.0f} s", file=sys.stderr)
    memory = resident() - before
    found = first = 0
    times = ([], [])
    for query in queries:
        want, exact = index.search(query, False)
        got, near = index.search(query, True)
        found += len(set(want) & set(got))
        first += want[0] == got[0]
        times[0].append(exact)
        times[1].append(near)
    return {
        "vectors": n, "dim": dim, "threads": options.threads, "queries": len(queries), "k": K,
        "recall_at_5": round(found / (K * len(queries)), 4),
        "recall_of_the_first": round(int(first) / len(queries), 4),
        "recall_told": round(index.lib.bench_index_recall(index.index, 200, K), 4),
        "near_ms": round(statistics.median(times[1]), 3),
        "exact_ms": round(statistics.median(times[0]), 3),
        "build_seconds": round(seconds, 1), "build_cpu_seconds": round(work, 1),
        "graph_bytes_per_vector": round(memory / n), **machine.describe()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--library", default="build/lib/libbench_gallery_index.so")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", default="100000x128,1000000x128")
    options = parser.parse_args()
    for size in options.sizes.split(","):
        n, dim = (int(x) for x in size.split("x"))
        print(json.dumps(measure(options, n, dim)), flush=True)


if __name__ == "__main__":
    main()
