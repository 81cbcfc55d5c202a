"""Runs the command line for its tests. FACEMATCH_BIN is the program, FACEMATCH_MODELS the folder of
models."""
import json
import os
import pty
import re
import subprocess
import unittest

PROGRAM = os.path.abspath(os.environ.get("FACEMATCH_BIN", "build/bin/facematch"))
MODELS = os.path.abspath(os.environ.get("FACEMATCH_MODELS", "models"))
YES, NO, ERROR = 0, 1, 2


class ProgramCase(unittest.TestCase):
    TIMEOUT_S = 300

    def start(self, *args, **more):
        environment = dict(os.environ, FACEMATCH_MODELS=MODELS)
        return subprocess.Popen([PROGRAM, *args], env=environment, **more)

    def run_program(self, *args, data=None, **more):
        """data: what standard input gives, by a pipe."""
        if data is not None:
            more["stdin"] = subprocess.PIPE
        process = self.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        out, err = process.communicate(data, timeout=self.TIMEOUT_S)
        self.out, self.err = out.decode(), err.decode(errors="replace")
        self.assertNotIn("terminate called", self.err)
        self.assertNotIn("frame #", self.err)
        return process.returncode

    def expect(self, status, *args, **more):
        got = self.run_program(*args, **more)
        self.assertEqual(got, status, f"facematch {args}\n{self.out}\n{self.err}")
        return self.out

    def results(self, status, *args, **more):
        lines = self.expect(status, *args, "--json", **more).splitlines()
        return [json.loads(line) for line in lines]

    def result(self, status, *args, **more):
        objects = self.results(status, *args, **more)
        self.assertEqual(len(objects), 1, objects)
        return objects[0]


class OnTerminal:
    """Of a ProgramCase: what a person sees."""

    ERASE = b"\r\x1b[K"

    def follow(self, until, *args):
        """Start with standard error on a terminal; read it until a pattern has been seen."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:  # a chroot without /dev/pts
            self.skipTest(f"no terminal can be opened here: {error}")
        self.addCleanup(os.close, ours)
        process = self.start(*args, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        seen = b""
        while not re.search(until, seen):
            piece = self.read(ours)
            if not piece:
                break
            seen += piece
        return process, ours, seen

    @staticmethod
    def read(terminal):
        try:
            return os.read(terminal, 4096)
        except OSError:  # the program has ended
            return b""

    def rest(self, process, terminal):
        data = b""
        while True:
            piece = self.read(terminal)
            if not piece:
                process.wait(timeout=300)
                return data
            data += piece
