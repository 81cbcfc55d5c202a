"""Galleries in PostgreSQL: on one server and divided among three, with servers that are killed.

    /usr/bin/python3 tests/store/run_postgres.py --programs build/bin \\
        --library build/lib/libfacematch_fake.so [-v] [Class.test]

Starts the servers itself (postgres_servers.py). Exit status 77 where there can be none.
"""
import argparse
import ctypes as C
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from postgres_servers import Servers, Unavailable, packages, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from c_structs import abi  # noqa: E402

OK, SKIPPED, READ_ONLY = 0, 77, 3
SHARDS, DIM, K = 3, 128, 5
PATIENCE_S = 60
MODEL = (b'FMFAKE1\n{"format":1,"name":"store","kind":"embedder","family":"softmax",'
         b'"input":{"width":32,"height":32,"order":"RGB","mean":[127.5,127.5,127.5],'
         b'"std":[128,128,128]},"alignment":{"points":[[10,12],[22,12],[16,18],[11,24],[21,24]],'
         b'"border":"zero"},"embedding":{"dim":128,"normalize":true},"metric":"cosine",'
         b'"source":"test","license":"none","training_data":"none"}')

options = servers = library = None  # set by main


class Failed(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class Library:
    """The C interface; whatever is not FM_OK is raised."""

    def __init__(self, path):
        self.lib, self.model = C.CDLL(path), C.c_void_p()
        self.lib.fm_gallery_close.argtypes = [C.c_void_p]
        self.call("fm_model_load_memory", C.byref(self.model), MODEL, C.c_size_t(len(MODEL)), None)

    def call(self, name, *arguments):
        error = abi.fm_error(C.sizeof(abi.fm_error))
        status = getattr(self.lib, name)(*arguments, C.byref(error))
        if status != OK:
            raise Failed(status, error.message.decode())


class Gallery:
    def __init__(self, uri, mode=0, index=0):
        self.handle, how = C.c_void_p(), abi.fm_gallery_options()
        library.lib.fm_gallery_options_init(C.byref(how), C.sizeof(how))
        how.mode, how.index = mode or how.mode, index
        library.call("fm_gallery_open", C.byref(self.handle), uri.encode(), library.model,
                     C.byref(how))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        library.lib.fm_gallery_close(self.handle)

    def add(self, name, vector):
        library.call("fm_gallery_add", self.handle, name.encode(), (C.c_float * DIM)(*vector),
                     C.c_size_t(DIM), None, None)

    def remove(self, name):
        library.call("fm_gallery_remove", self.handle, name.encode(), None)

    def count(self):
        """(identities, templates)"""
        found = C.c_size_t(), C.c_size_t()
        library.call("fm_gallery_count", self.handle, *(C.byref(f) for f in found))
        return tuple(f.value for f in found)

    def search(self, vectors, rule=1):
        """For each vector the best K, whatever their score: [(id, score, template_id)]."""
        how = abi.fm_identify_options()
        library.lib.fm_identify_options_init(C.byref(how), C.sizeof(how))
        how.use_threshold, how.threshold, how.score = 1, -2, rule
        queries = (C.c_float * (len(vectors) * DIM))(*(x for v in vectors for x in v))
        matches, counts = (abi.fm_match * (len(vectors) * K))(), (C.c_size_t * len(vectors))()
        library.call("fm_gallery_search", self.handle, queries, C.c_size_t(len(vectors)),
                     C.c_size_t(DIM), C.byref(how), matches, C.c_size_t(K), counts, None)
        return [[(m.id.decode(), m.score, m.template_id) for m in matches[i * K:i * K + n]]
                for i, n in enumerate(counts)]

    def shard(self, uris):
        texts = (C.c_char_p * len(uris))(*(uri.encode() for uri in uris))
        library.call("fm_gallery_shard", self.handle, texts, C.c_size_t(len(uris)), None, None)


def vector_of(person, picture=0):
    """Unit length; pictures of a person are alike."""
    both = []
    for seed, weight in ((person, 1.0), (f"{person} {picture}", 0.4)):
        dice = random.Random(str(seed))
        both.append([weight * dice.gauss(0, 1) for _ in range(DIM)])
    vector = [a + b for a, b in zip(*both)]
    length = sum(x * x for x in vector) ** 0.5
    return [x / length for x in vector]


def program(name):
    return os.path.join(options.programs, name)


class Case(unittest.TestCase):
    names = 0

    def databases(self, count):
        """URIs of empty databases, each on a server of its own."""
        Case.names += 1
        return [servers.create_database(i, f"test_{Case.names}") for i in range(count)]

    def run_program(self, *command, **environment):
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-20000:])
        return done.stdout

    def assert_fails(self, call, *arguments):
        """With a message that tells no secret."""
        with self.assertRaises(Failed) as caught:
            call(*arguments)
        text = str(caught.exception)
        self.assertGreater(len(text), 20)
        self.assertNotIn(servers.password, text)
        self.assertNotIn("[", text)  # vectors begin with it
        return text


class Suites(Case):
    """The tests of every gallery, and those of galleries on servers."""

    NAMES = "test_gallery", "test_transfer", "test_postgres"

    def test_one_server(self):
        for name in self.NAMES:
            self.run_program(program(name), "postgres", FACEMATCH_POSTGRES=self.databases(1)[0])

    def test_three_shards(self):
        for name in self.NAMES:
            main, *shards = self.databases(1 + SHARDS)
            self.run_program(program(name), "postgres", FACEMATCH_POSTGRES=main,
                             FACEMATCH_POSTGRES_SHARDS=" ".join(shards))


class Writer:
    """store_writer, which tells each person as soon as the library has said that it is stored."""

    def __init__(self, uri):
        self.stored, self.other = [], []
        self.process = subprocess.Popen([program("store_writer"), "write", uri, "1000000"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ok":
                self.stored.append(rest)
            else:
                self.other.append(line)

    def wait_for(self, count):
        end = time.monotonic() + PATIENCE_S
        while len(self.stored) < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the writer is stuck at {len(self.stored)} people: "
                                     + "".join(self.other[-5:]))
            time.sleep(0.01)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Killed(Case):
    """Servers that are killed while people are enrolled."""

    @staticmethod
    def sessions(uri):
        """How many clients its main database has, which must be on the first server."""
        name = uri.rpartition("/")[2]
        return servers.psql(0, "SELECT count(*) FROM pg_stat_activity WHERE backend_type ="
                               f" 'client backend' AND datname = '{name}'")

    def enrol_and_kill(self, uri, victims):
        writer, dice = Writer(uri), random.Random(1)
        try:
            for victim in victims:
                writer.wait_for(len(writer.stored) + 1)
                time.sleep(dice.uniform(0, 0.3))
                servers.kill(victim)
                servers.start(victim)
            writer.wait_for(len(writer.stored) + 1)
        finally:
            writer.close()
        wait_for("the server ends what the writer began", lambda: self.sessions(uri) == "0")
        found = self.run_program(program("store_writer"), "check", uri).split("\n")
        found = [line for line in found if line]
        self.assertEqual(set(writer.stored) - set(found), set(), "were stored and are gone")
        self.assertEqual(len(found), len(set(found)), "some are there twice")
        self.assertLessEqual(len(set(found) - set(writer.stored)), 1 + len(victims))
        print(f"{len(victims)} kills among {len(writer.stored)} people", file=sys.stderr)

    def test_one_server(self):
        self.enrol_and_kill(self.databases(1)[0], options.kills * [0])

    def test_any_of_four(self):
        main, *shards = self.databases(1 + SHARDS)
        self.run_program(program("store_writer"), "write", main, "1")
        self.run_program(program("store_writer"), "shard", main, *shards)
        dice = random.Random(2)
        self.enrol_and_kill(main, [dice.randrange(1 + SHARDS) for _ in range(options.kills)])


class Sharded(Case):
    def setUp(self):
        self.main, *self.shards = self.databases(1 + SHARDS)

    def test_without_one_shard(self):
        with Gallery(self.main) as gallery:
            gallery.shard(self.shards)
            for person in range(40):
                gallery.add(f"p{person}", vector_of(person))
            servers.kill(2)
            try:
                stored = self.use_without_a_shard(gallery)
            finally:
                servers.start(2)
            self.assertEqual(gallery.count()[1], 40 + len(stored))
            for person in [*range(40), *stored]:
                self.assertEqual(gallery.search([vector_of(person)])[0][0][0], f"p{person}")

    def use_without_a_shard(self, gallery):
        """Who could be stored all the same."""
        stored = []
        for person in range(40, 60):
            try:
                gallery.add(f"p{person}", vector_of(person))
                stored.append(person)
            except Failed:
                self.assert_fails(gallery.add, f"p{person}", vector_of(person))
        self.assertTrue(0 < len(stored) < 20, "a third of people should have failed")
        for rule in (1, 2):  # the best, the mean
            for _ in range(3):  # with the connection that broke, and with a new one
                self.assert_fails(gallery.search, [vector_of(0), vector_of(1)], rule)
        with Gallery(self.main) as another:
            self.assert_fails(another.search, [vector_of(0)])
        return stored

    def test_shard_that_hangs(self):
        with Gallery(self.main + "?options=-c%20statement_timeout%3D1000") as gallery:
            gallery.shard(self.shards)
            for person in range(10):
                gallery.add(f"p{person}", vector_of(person))
            servers.pause(1)
            start = time.monotonic()
            try:
                self.assert_fails(gallery.search, [vector_of(0)])
            finally:
                servers.resume(1)
            self.assertLess(time.monotonic() - start, 10)
            self.assertEqual(gallery.search([vector_of(0)])[0][0][0], "p0")

    def test_shard_that_moves(self):
        """To a server that followed it."""
        with Gallery(self.main) as gallery:
            gallery.shard(self.shards)
            for person in range(10):
                gallery.add(f"p{person}", vector_of(person))
            number = servers.add_replica(1)
            try:
                servers.stop(1)
                self.assert_fails(gallery.search, [vector_of(0)])
                servers.psql(number, "SELECT pg_promote()")
                servers.psql(0, "ALTER SERVER facematch_1_0 OPTIONS (SET port"
                                f" '{servers.ports[number]}')", self.main.rpartition("/")[2])
                for person in range(10, 20):
                    gallery.add(f"p{person}", vector_of(person))
                for person in range(20):
                    self.assertEqual(gallery.search([vector_of(person)])[0][0][0], f"p{person}")
            finally:
                servers.stop(number)
                servers.start(1)

    def test_same_answers_as_sqlite(self):
        dice = random.Random(3)
        people = [(f"p{i}", vector_of(i, t)) for i in range(400)
                  for t in range(dice.choice((1, 1, 3)))]
        dice.shuffle(people)
        queries = [vector_of(dice.randrange(600), 9) for _ in range(100)]  # a third are strangers
        with tempfile.TemporaryDirectory() as folder:
            answers = [self.answers(uri, people, queries, shards) for uri, shards in
                       ((folder + "/people.fmg", None), (self.main, self.shards))]
        for got, want in zip(answers[1], answers[0]):
            self.assertEqual(got, want)

    def answers(self, uri, people, queries, shards):
        """Divided when half of the people are there."""
        with Gallery(uri) as gallery:
            for i, (name, vector) in enumerate(people):
                if shards and i == len(people) // 2:
                    gallery.shard(shards)
                gallery.add(name, vector)
            for i in range(0, 400, 10):
                gallery.remove(f"p{i}")
            found = [gallery.search(queries, rule) for rule in (1, 2)]
            self.assertEqual(gallery.search(queries[:1]), found[0][:1])
            return found + [gallery.count()]

    def test_galleries_of_one_database(self):
        names = [self.main + "?gallery=first", self.main + "?gallery=second"]
        with Gallery(names[0]) as first, Gallery(names[1]) as second:
            second.shard(self.shards)
            for gallery, start in ((first, 0), (second, 1)):
                for person in range(start, 20, 2):
                    gallery.add(f"p{person}", vector_of(person))
            for gallery, start in ((first, 0), (second, 1)):
                self.assertEqual(gallery.count(), (10, 10))
                for query in ([vector_of(0)], [vector_of(1)]):
                    found = {name for name, _, _ in gallery.search(query)[0]}
                    self.assertLessEqual(found, {f"p{person}" for person in range(start, 20, 2)})
            first.remove("p0")
            self.assertEqual(second.count(), (10, 10))


class Replica(Case):
    """A server that follows another."""

    def test_searches(self):
        uri = self.databases(1)[0]
        with Gallery(uri) as gallery:
            gallery.add("p0", vector_of(0))
            number = servers.add_replica(0)
            try:
                with Gallery(servers.uri(number, database=uri.rpartition("/")[2]),
                             READ_ONLY) as replica:
                    self.follow(gallery, replica)
            finally:
                servers.stop(number)

    def follow(self, gallery, replica):
        self.assertEqual(replica.search([vector_of(0)])[0][0][0], "p0")
        gallery.add("p1", vector_of(1))
        end = time.monotonic() + PATIENCE_S
        while replica.search([vector_of(1)])[0][0][0] != "p1":
            self.assertLess(time.monotonic(), end)
        self.assert_fails(replica.add, "p2", vector_of(2))
        self.assertEqual(replica.count(), (2, 2))


def main():
    global options, servers, library
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--programs", default="build/bin", help="the folder of store_writer")
    parser.add_argument("--library", help="libfacematch_fake.so; only Suites and Killed do without")
    parser.add_argument("--kills", type=int, default=20, help="of servers, in each of two tests")
    options, rest = parser.parse_known_args()
    try:
        packages()
    except Unavailable as reason:
        print(f"skipped, no servers: {reason}")
        return SKIPPED
    library = Library(os.path.abspath(options.library)) if options.library else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers go, too
    with Servers(1 + SHARDS) as servers:
        return not unittest.main(argv=[sys.argv[0], *rest], exit=False).result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
