"""Runs the command line for its tests. FACEMATCH_BIN is the program, FACEMATCH_MODELS the folder of
models."""
import json
import os
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
