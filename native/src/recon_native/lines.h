/* The lines of snapshots (docs/design/snapshot-format.md): out of SQLite and out of Postgres's binary COPY stream, into
 * SQLite and into COPY.
 *
 * Only what recon writes by itself is known here, and no more: any other spelling, any value that wants a second thought
 * ends the work before its row, and the caller, who knows all the rules, takes that row and goes on.
 */
#ifndef RECON_LINES_H
#define RECON_LINES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <sqlite3ext.h>

enum { MOST_COLUMNS = 32766 };

extern PyType_Spec sqlite_lines_spec, copy_lines_spec, sqlite_filling_spec, copy_rows_spec;

/* An empty object of a type. */
void *made(PyTypeObject *type);

/* A statement on the caller's connection; -1 with an exception if there is none. */
int prepare(PyObject *pointer, const char *sql, sqlite3 **db, sqlite3_stmt **statement);

/* A tuple of whole numbers as a statement's parameters; -1 with an exception if one is none. */
int bind_numbers(sqlite3_stmt *statement, PyObject *bound);

int lines_add(PyObject *module);

#endif
