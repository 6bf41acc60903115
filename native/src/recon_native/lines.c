#include "lines.h"

SQLITE_EXTENSION_INIT3

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"

void *made(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

int prepare(PyObject *pointer, const char *sql, sqlite3 **db, sqlite3_stmt **statement)
{
    if (sqlite3_api == NULL) {
        PyErr_Format(PyExc_RuntimeError, "SQLite has not loaded this library yet");
        return -1;
    }
    *db = PyLong_AsVoidPtr(pointer);
    if (*db == NULL) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "the connection is closed");
        return -1;
    }
    if (sqlite3_prepare_v2(*db, sql, -1, statement, NULL) != SQLITE_OK) {
        PyErr_Format(PyExc_RuntimeError, "%s", sqlite3_errmsg(*db));
        return -1;
    }
    return 0;
}

int bind_numbers(sqlite3_stmt *statement, PyObject *bound)
{
    for (Py_ssize_t place = 0; place < PyTuple_Size(bound); place++) {
        long long value = PyLong_AsLongLong(PyTuple_GetItem(bound, place));
        if (value == -1 && PyErr_Occurred())
            return -1;
        sqlite3_bind_int64(statement, (int)place + 1, value);
    }
    return 0;
}

static PyObject *powers(PyObject *module, PyObject *args)
{
    (void)module;
    const char *bytes;
    Py_ssize_t size;
    int least;
    if (!PyArg_ParseTuple(args, "y#i:powers", &bytes, &size, &least))
        return NULL;
    if (numbers_take_powers(bytes, (size_t)size, least) < 0)
        return PyErr_Format(PyExc_ValueError, "these are not the powers of ten that are wanted");
    Py_RETURN_NONE;
}

typedef int (*CopyData)(void *connection, char **row, int at_once);
typedef void (*Free)(void *row);

/* Rows of COPY that libpq has at hand, until they are so many bytes: libpq's own functions, by their addresses. */
static PyObject *gather(PyObject *module, PyObject *arguments)
{
    unsigned long long connection, take, release;
    Py_ssize_t most, used = 0, room = 0;
    char *rows = NULL, *row = NULL;
    int size = 1, full = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "KKKn", &connection, &take, &release, &most))
        return NULL;
    CopyData next = (CopyData)(uintptr_t)take;
    Free done = (Free)(uintptr_t)release;
    Py_BEGIN_ALLOW_THREADS
    while (used < most && (size = next((void *)(uintptr_t)connection, &row, 1)) > 0) {
        if (room - used < size) {
            Py_ssize_t wanted = used + size > most ? used + size : most;
            char *grown = realloc(rows, (size_t)wanted);
            if (grown == NULL) {
                done(row);
                full = 1;
                break;
            }
            rows = grown;
            room = wanted;
        }
        memcpy(rows + used, row, (size_t)size);
        used += size;
        done(row);
    }
    Py_END_ALLOW_THREADS
    PyObject *found = full ? PyErr_NoMemory() : Py_BuildValue("y#i", rows == NULL ? "" : rows, used, size > 0 ? 1 : size);
    free(rows);
    return found;
}

static PyMethodDef functions[] = {
    {"gather", gather, METH_VARARGS, "Rows of COPY at hand, and 1: there may be more, 0: none now, -1: over, -2: failed."},
    {"powers", powers, METH_VARARGS, "Take the powers of ten that floats are written and read by."},
    {NULL, NULL, 0, NULL},
};

int lines_add(PyObject *module)
{
    PyType_Spec *specs[] = {&sqlite_lines_spec, &copy_lines_spec, &sqlite_filling_spec, &copy_rows_spec};
    for (size_t place = 0; place < sizeof specs / sizeof *specs; place++) {
        PyObject *type = PyType_FromSpec(specs[place]);
        int added = type == NULL ? -1 : PyModule_AddObjectRef(module, strrchr(specs[place]->name, '.') + 1, type);
        Py_XDECREF(type);
        if (added < 0)
            return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
