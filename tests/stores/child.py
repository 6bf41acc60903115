"""Another process on the same store: what a test cannot do to itself (die, wait, be measured)."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import sys
from collections.abc import ItemsView

from sqlalchemy import Engine, event

from recon_cli.core.canonical import Value
from recon_cli.core.errors import GuardError, LockedError
from recon_cli.core.place import Place
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.jobs.runs import load_undo
from recon_cli.stores.base import RecordStore
from recon_cli.stores.registry import open_records
from tests.stores.conformance import SCHEMAS, create, model, row


class Deadly(dict[str, Value]):
    """Values of a change that kill the process when they are about to be written."""

    def items(self) -> ItemsView[str, Value]:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().items()


def main() -> None:
    verb, url, password, *rest = sys.argv[1:]
    store = open_records(Place(url, secret=lambda: password or None, options={"timeout_s": 20}))
    if verb == "die":
        changes = [model(f"k{number}") for number in range(100)]
        changes.append(create("notes", model_token="t-k1"))
        if rest[0] == "writing":
            values = Deadly({"id": "last", "name": "n"})
            changes.insert(60, Change(ChangeKind.CREATE, "models", ("last",), values))
        die = (lambda _undo: os.kill(os.getpid(), signal.SIGKILL)) if rest[0] == "prepared" else (lambda _undo: None)
        store.apply(changes, SCHEMAS, base={}, prepared=die)
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "undo":
        for line in sys.stdin:
            moment, journal = line.split(" ", 1)
            sys.stdout.write(f"{_undone(url, password, int(moment), journal)}\n")
            sys.stdout.flush()
    elif verb == "count":
        for _ in range(int(rest[0])):
            while not _count_up(store):
                pass
    elif verb == "read":
        next(store.read("warm"), None)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(1 for _ in store.read("big", ("id",)))
        print_ = store.fingerprint("big")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(json.dumps({"rows": rows, "fingerprint": print_.rows, "grown_kib": after - before}))
    store.close()


def _undone(url: str, password: str, moment: int, journal: str) -> int:
    """Take a run back in a process that dies right after the statement with that number; its exit status."""
    dying = os.fork()
    if dying:
        return os.waitstatus_to_exitcode(os.waitpid(dying, 0)[1])
    left = itertools.count(moment - 1, -1)
    event.listen(Engine, "after_cursor_execute", lambda *_: next(left) or os.kill(os.getpid(), signal.SIGKILL))
    store = open_records(Place(url, secret=lambda: password or None, options={"timeout_s": 20}))
    store.revert(load_undo(json.loads(journal)))
    os._exit(0)


def _count_up(store: RecordStore) -> bool:
    base = {"models": store.fingerprint("models")}
    count = row(store, "models", "a")["access_count"]
    change = Change(ChangeKind.UPDATE, "models", ("a",), {"access_count": int(str(count)) + 1}, {"access_count": count})
    try:
        store.apply([change], SCHEMAS, base=base, prepared=lambda _undo: None)
    except (GuardError, LockedError):
        return False
    return True


if __name__ == "__main__":
    main()
