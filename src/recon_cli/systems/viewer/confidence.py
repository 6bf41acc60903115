"""How sure each kind of evidence is, in one table.

A database copy is the value itself; everything else is ranked by how often it was right on real models, and by how
easily it could be wrong.
"""

from __future__ import annotations

from types import MappingProxyType

CONFIDENCE = MappingProxyType(
    {
        # copies: the value itself, less sure the older the copy
        "database-copy": 1.0,  # `streamlit_3d.db` on the store, in use
        "database-backup": 0.97,  # `backup_*` beside it: the value itself, perhaps changed since
        "local-database": 0.95,  # `models.db` given by the operator: another application's view of the same model
        "local-backup": 0.93,  # `models.db.backup_*`: older than that
        "json-backup": 0.92,  # exported, so at least one more step from the database
        "sidecar": 0.9,  # written by an earlier recovery, beside the files
        "sidecar-outdated": 0.7,  # the same, for what depends on files that have changed since
        "rebuilt-row": 0.5,  # a row an earlier tool made up (`모델_<id>`): its token is not the first
        "placeholder": 0.05,  # the made-up name and author of such a row
        # id
        "directory-name": 1.0,  # the application names the folder after the id
        # name
        "mtllib": 0.8,  # the original file stem, by the convention: right on 5 of 5 real models
        "object-line": 0.75,  # the same name as the modeller typed it; older than the file name where they differ
        "texture-stem": 0.6,  # textures are reused between models
        "name-off-convention": 0.4,  # a stem that does not begin with a date
        "generic-name": 0.15,  # `model`, `Cube.001`: an exporter's word
        "older-name": 0.3,  # by the convention, but another candidate has a newer date
        "nameless": 0.05,  # the id in place of a name, where a name must stand
        # real_height
        "height-in-name": 0.95,  # written by a person
        "height-inside-name": 0.7,  # the same, but not at the end: may be part of a product's name
        "bounding-box": 0.85,  # within 1.1 % on 4 of 4 real models
        # created_at
        "file-mtime": 0.8,  # the upload, to the second and in UTC
        "file-mtime-listed": 0.6,  # the same from a listing whose zone or minute is less sure
        "date-in-name": 0.3,  # the day the model was made, not uploaded
        # textures
        "exact": 0.95,  # the name in the MTL
        "sanitised": 0.9,  # after the uploader's rule, which is known
        "other-case": 0.85,  # differs in upper and lower case only
        "other-extension": 0.8,  # re-encoded on upload (PNG → JPG)
        "only-one-left": 0.6,  # the only texture that nothing else claims
        "unnamed-texture": 0.5,  # in the folder, not in the MTL
        # fixed
        "storage-of-files": 0.9,  # the files lie on the web host
        "not-in-files": 0.0,  # nothing says so
        "new-token": 0.0,  # made here, because the column must hold one
    }
)
