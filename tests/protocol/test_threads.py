"""Threads may be the first to read a message: msgspec learns its types without a lock, and crashed the process."""

import subprocess
import sys

from protocol.codec import encode
from tests.protocol.samples import A_PUNCH

ROUNDS = 250

RACE = """
import sys, threading

def convert_first(start, ready, problems):
    start.wait()
    try:
        ready()
    except BaseException as problem:
        problems.append(problem)

sys.setswitchinterval(1e-6)
punch, credential = sys.argv[1:]
for _ in range({rounds}):
    for name in [name for name in sys.modules if name.split(".")[0] == "protocol"]:
        del sys.modules[name]  # so that the next import makes the types anew
    from protocol import codec, sealing
    import msgspec
    readers = [lambda: codec.decode_punch(punch)] * 2
    readers += [lambda: msgspec.convert(codec.loads(credential), sealing.BadgeCredential)] * 2
    start, problems = threading.Barrier(len(readers)), []
    threads = [threading.Thread(target=convert_first, args=(start, reader, problems)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
"""


def test_several_threads_may_be_the_first_to_read() -> None:
    command = [sys.executable, "-c", RACE.format(rounds=ROUNDS), encode(A_PUNCH).decode(), '{"badge":"04A1B2C3"}']
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
