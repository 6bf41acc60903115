"""How sure each kind of evidence is, in one table.

A row of a copy stands before what files suggest, but for two things files know better: that a job which was running is
not running any more, and that a job marked done never made anything.
"""

from __future__ import annotations

from types import MappingProxyType

CONFIDENCE = MappingProxyType(
    {
        # copies
        "database-copy": 0.98,  # the value itself, from beside the jobs
        "database-backup": 0.96,  # the value itself, perhaps changed since
        "given-copy": 0.95,  # given by the operator, of unknown age
        "json-backup": 0.93,  # exported, so at least one more step from the database
        "sidecar": 0.9,  # written by an earlier recovery, beside the files
        "live-status": 0.3,  # a copy's `RUNNING`: true of its moment, not of now
        # identity
        "directory-name": 1.0,  # the server names the folder after the job
        "key-file": 0.97,  # `key.txt` holds the key and nothing else
        # how it ended
        "log-error": 0.99,  # an error in the log and no output: the row may say DONE, the files cannot
        "output": 0.85,  # something to show is there, whole
        "output-after-error": 0.6,  # there is, but the log speaks of an error after it was started
        "no-output": 0.5,  # nothing to show and nothing that says why: interrupted, or cleaned up
        "log": 0.7,  # the log may have been cut
        # counts
        "ply-header": 0.95,  # what the file promises; truncation is told apart by its size
        "ply-header-filtered": 0.6,  # the count after filtering in place of the one before
        "iteration-folder": 0.9,  # training names the folder after the iteration it saved at
        "files-counted": 0.8,  # equal names overwrite each other, so the row may say more
        "file-size": 0.9,  # of the file the server measured
        "sparse-model": 0.9,  # the first number in the file
        # times
        "upload-mtime": 0.7,  # restored or copied folders have new times
        "first-file-mtime": 0.4,  # databases are written to long after they are made
        "last-file-mtime": 0.6,
        # nothing
        "not-in-files": 0.0,  # nothing says so
        "new-key": 0.0,  # made here, because the column must hold one
    }
)
