"""Search among the templates of a gallery in PostgreSQL: exact, and by pgvector's graph; on one
server and spread over three. Needs numpy.

    python bench/gallery_postgres.py --library build/lib/libfacematch_fake.so --sizes 100000

Starts the servers itself (tests/store/postgres_servers.py), all on this machine: three of them have
no more cores between them than one has. Searches go through fm_gallery_search; the rows are brought
in by COPY. Vectors of 128 numbers lie as in hnsw.py. Prints one JSON object per size and number of
servers: median and quartiles in milliseconds of one query, the processor time of the servers for it,
the share of the 5 best of exact search that the graph finds, seconds for COPY and for the graph (of
each server, one after the other), bytes on the disk, and how many programs wanted a core before and
after (os.getloadavg).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy

import machine
from hnsw import faces

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/store"))
import run_postgres as store  # noqa: E402
from postgres_servers import Servers  # noqa: E402

WARM_UP, HNSW = 5, 1
SETTINGS = ("shared_buffers=1500MB", "maintenance_work_mem=1500MB", "max_wal_size=4GB",
            "max_parallel_maintenance_workers=1")
COPY_HEAD, COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
PEOPLE = """
INSERT INTO facematch.identities_1 SELECT i, 'person ' || i, '', '{{}}', 0, 0
    FROM generate_series(1, {0}) i;
INSERT INTO facematch.templates_1 SELECT i, i, 0, NULL, '' FROM generate_series(1, {0}) i;
UPDATE facematch.galleries SET writes = 1, last_identity = {0}, last_template = {0},
    identities = {0}, with_templates = {0}, templates = {0}, largest = 1.001;
ANALYZE facematch.identities_1;
ANALYZE facematch.templates_1"""
TABLES = """SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relname LIKE 'vectors\\_%'
    AND relnamespace = 'facematch'::regnamespace"""
BYTES = """SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'
    AND relname ~ '^(vectors|identities|templates)_' AND relnamespace = 'facematch'::regnamespace"""


def rows_of(vectors, first):
    """As COPY BINARY takes them: a person each, not wild."""
    dim = vectors.shape[1]
    rows = numpy.zeros(len(vectors), numpy.dtype([
        ("fields", ">i2"), ("size_1", ">i4"), ("person", ">i8"), ("size_2", ">i4"), ("id", ">i8"),
        ("size_3", ">i4"), ("wild", "i1"), ("size_4", ">i4"), ("dim", ">i2"), ("unused", ">i2"),
        ("vector", ">f4", (dim,))]))
    rows["fields"], rows["size_1"], rows["size_2"], rows["size_3"] = 4, 8, 8, 1
    rows["size_4"], rows["dim"], rows["vector"] = 4 + 4 * dim, dim, vectors
    rows["person"] = rows["id"] = numpy.arange(first + 1, first + 1 + len(vectors))
    return rows.tobytes()


def fill(servers, n):
    """Returns the queries."""
    queries, done = [], 0
    with subprocess.Popen([servers.bin + "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c",
                           "COPY facematch.vectors_1 FROM STDIN (FORMAT binary)", servers.uri(0)],
                          stdin=subprocess.PIPE) as psql:
        psql.stdin.write(COPY_HEAD)
        for vectors, queries in faces(n, store.DIM):
            psql.stdin.write(rows_of(vectors, done))
            done += len(vectors)
        psql.stdin.write(COPY_TAIL)
    if psql.returncode:
        raise RuntimeError("COPY failed")
    return numpy.concatenate(queries)


def ask(servers, i, sql):
    return servers.psql(i, sql, user="facematch")


def seconds(call, *arguments):
    start = time.perf_counter()
    call(*arguments)
    return round(time.perf_counter() - start, 1)


def search_all(servers, gallery, queries):
    """(answers, milliseconds)"""
    answers, times = [], []
    for query in queries[:WARM_UP]:
        gallery.search([query])
    before = servers.cpu_seconds()
    for query in queries:
        start = time.perf_counter()
        answers.append({name for name, _, _ in gallery.search([query])[0]})
        times.append((time.perf_counter() - start) * 1e3)
    work = (servers.cpu_seconds() - before) * 1e3 / len(queries)
    return answers, {"cpu_ms": round(work, 1), "ms": round(statistics.median(times), 1),
                     "quartiles": [round(q, 1) for q in statistics.quantiles(times, n=4)[::2]]}


def open_with_graph(uri):
    """Makes it, on one server; those of shards are made after filling, not with the shards."""
    store.Gallery(uri, index=HNSW).__exit__()


def make_graphs(servers, holders):
    """Seconds."""
    if holders == [0]:
        return [seconds(open_with_graph, servers.uri(0))]
    built = [seconds(ask, servers, i, f"CREATE INDEX ON {ask(servers, i, TABLES)} USING hnsw"
                                      " (embedding vector_cosine_ops) WHERE NOT wild")
             for i in holders]
    ask(servers, 0, "UPDATE facematch.galleries SET hnsw = 1")
    return built


def compare(servers, holders, queries, exact_only):
    """Searches of both kinds, and what the graph costs."""
    everybody = range(len(servers.uris))
    with store.Gallery(servers.uri(0)) as gallery:
        want, exact = search_all(servers, gallery, queries)
    print(f"exact {exact}", file=sys.stderr)
    plain = sum(int(ask(servers, i, BYTES) or 0) for i in everybody)
    result = {"exact": exact, "bytes": plain}
    if exact_only:
        return result
    before = servers.cpu_seconds()
    result["graph_seconds"] = make_graphs(servers, holders)
    result["graph_cpu_seconds"] = round(servers.cpu_seconds() - before, 1)
    with store.Gallery(servers.uri(0), index=HNSW) as gallery:
        got, result["hnsw"] = search_all(servers, gallery, queries)
    found = sum(len(a & b) for a, b in zip(want, got))
    result["recall_at_5"] = round(found / (store.K * len(queries)), 4)
    result["graph_bytes"] = sum(int(ask(servers, i, BYTES) or 0) for i in everybody) - plain
    return result


def measure(n, spread, options):
    with Servers(1 + spread if spread > 1 else 1, SETTINGS) as servers:
        holders = [*range(len(servers.uris))][1:] or [0]
        load = os.getloadavg()[0]
        with store.Gallery(servers.uri(0)) as gallery:
            if spread > 1:
                gallery.shard(servers.uris[1:])
        start = time.perf_counter()
        queries = fill(servers, n)
        filled = time.perf_counter() - start
        ask(servers, 0, PEOPLE.format(n))
        for i in holders:
            ask(servers, i, "VACUUM ANALYZE " + ask(servers, i, TABLES))
        print(f"{n}, {spread} servers: filled in {filled:.0f} s", file=sys.stderr)
        some = numpy.linspace(0, len(queries) - 1, options.queries).astype(int)
        result = compare(servers, holders, queries[some].tolist(), options.exact)
        return {"people": n, "dim": store.DIM, "servers": spread, "k": store.K,
                "queries": options.queries, "copy_seconds": round(filled, 1), **result,
                **versions(servers), "load": [round(x, 1) for x in (load, os.getloadavg()[0])]}


def versions(servers):
    return {"postgresql": ask(servers, 0, "SHOW server_version"),
            "pgvector": ask(servers, 0,
                            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"),
            **machine.describe()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--library", default="build/lib/libfacematch_fake.so")
    parser.add_argument("--sizes", default="1000000")
    parser.add_argument("--servers", default="1,3")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--exact", action="store_true", help="no graphs, which take long to make")
    options = parser.parse_args()
    store.library = store.Library(os.path.abspath(options.library))
    for n in options.sizes.split(","):
        for spread in options.servers.split(","):
            print(json.dumps(measure(int(n), int(spread), options)), flush=True)


if __name__ == "__main__":
    main()
