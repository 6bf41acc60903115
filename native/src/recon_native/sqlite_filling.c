/* Lines into an INSERT of SQLite. */
#include "lines.h"

SQLITE_EXTENSION_INIT3

#include <stdint.h>
#include <string.h>

#include "parse.h"

typedef struct {
    PyObject_HEAD
    PyObject *owner;
    sqlite3 *db;
    sqlite3_stmt *statement;
    Parser parser;
    int error;
} Filling;

static int bind_cell(void *to, int place, const Cell *cell)
{
    sqlite3_stmt *statement = to;
    int code, at = place + 1;
    switch (cell->kind) {
    case CELL_NULL:
        code = sqlite3_bind_null(statement, at);
        break;
    case CELL_INTEGER:
        code = sqlite3_bind_int64(statement, at, cell->integer);
        break;
    case CELL_REAL:
        if (cell->real != cell->real)
            return UNKNOWN; /* SQLite takes it for NULL */
        code = sqlite3_bind_double(statement, at, cell->real);
        break;
    case CELL_TEXT:
        code = sqlite3_bind_text64(statement, at, cell->bytes, cell->size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case CELL_BYTES:
        code = cell->size ? sqlite3_bind_blob64(statement, at, cell->bytes, cell->size, SQLITE_STATIC)
                          : sqlite3_bind_zeroblob(statement, at, 0);
        break;
    default: /* SQLite has no booleans */
        return UNKNOWN;
    }
    return code == SQLITE_OK ? WRITTEN : UNKNOWN;
}

/* Rows until a line that is odd or refused; `at` is where it begins. */
static int filling_on(Filling *self, const char **at, const char *end, Py_ssize_t *count)
{
    while (*at < end) {
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        if (newline == NULL)
            return ODD;
        int found = parse_line(&self->parser, *at, newline, bind_cell, self->statement);
        if (found != WRITTEN)
            return found < 0 ? FAILED : ODD;
        int code = sqlite3_step(self->statement);
        sqlite3_reset(self->statement);
        if (code != SQLITE_DONE)
            return ODD; /* whoever puts it again is told why */
        *at = newline + 1;
        ++*count;
    }
    return DRY;
}

static PyObject *filling_put(Filling *self, PyObject *args)
{
    Py_buffer data;
    Py_ssize_t start, count = 0;
    int ended;
    if (!PyArg_ParseTuple(args, "y*n:put", &data, &start))
        return NULL;
    if (self->statement == NULL || start < 0 || start > data.len) {
        PyBuffer_Release(&data);
        return PyErr_Format(PyExc_ValueError, "closed, or nothing begins at %zd", start);
    }
    const char *began = data.buf, *at = began + start;
    Py_BEGIN_ALLOW_THREADS
    ended = filling_on(self, &at, began + data.len, &count);
    sqlite3_clear_bindings(self->statement); /* they point into the data */
    Py_END_ALLOW_THREADS
    Py_ssize_t reached = at - began;
    PyBuffer_Release(&data);
    if (ended == FAILED)
        return PyErr_NoMemory();
    return Py_BuildValue("(nn)", count, reached);
}

static void filling_end(Filling *self)
{
    if (self->statement != NULL)
        sqlite3_finalize(self->statement);
    self->statement = NULL;
    Py_CLEAR(self->owner);
}

static PyObject *filling_close(Filling *self, PyObject *unused)
{
    (void)unused;
    filling_end(self);
    Py_RETURN_NONE;
}

static void filling_dealloc(Filling *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    filling_end(self);
    parser_end(&self->parser);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *filling_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"connection", "pointer", "sql", "tagged", NULL};
    PyObject *owner, *pointer, *tagged;
    const char *sql;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!sO!:SqliteFilling", names, &owner, &PyLong_Type, &pointer, &sql,
                                     &PyTuple_Type, &tagged))
        return NULL;
    Filling *self = made(type);
    if (self == NULL)
        return NULL;
    if (prepare(pointer, sql, &self->db, &self->statement) < 0
        || parser_begin(&self->parser, sqlite3_bind_parameter_count(self->statement), tagged) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    Py_INCREF(owner);
    self->owner = owner;
    return (PyObject *)self;
}

static PyMethodDef filling_methods[] = {
    {"put", (PyCFunction)filling_put, METH_VARARGS, "Put lines into the table: rows, and how far it came."},
    {"close", (PyCFunction)filling_close, METH_NOARGS, "End the statement."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot filling_slots[] = {
    {Py_tp_new, filling_new},
    {Py_tp_dealloc, filling_dealloc},
    {Py_tp_methods, filling_methods},
    {Py_tp_doc, "Lines of a snapshot into an INSERT."},
    {0, NULL},
};

PyType_Spec sqlite_filling_spec = {"recon_native.reader.SqliteFilling", sizeof(Filling), 0, Py_TPFLAGS_DEFAULT, filling_slots};
