/* Rows of a SQLite table as Postgres's binary COPY stream, and as columns for checksums.
 *
 * It links no SQLite. The connection is the caller's, with its read transaction and its locks; the functions come
 * from the table that SQLite hands to a loadable extension. So there is one SQLite in the process, which POSIX locks
 * ask for, and both readers see the same state by construction.
 *
 * Values are looked at strictly: a value that is not of its column's code ends the reading before its row, and
 * the caller, who knows all the rules, goes on from there.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "dates.h"
#include "lines.h"

enum { ABI = 3 };

typedef struct {
    char code;
    int64_t factor, least, beyond; /* of epochs: microseconds in one, and which values are taken */
} Column;

/* --- one value --- */

enum { VALUE_ODD = -1, VALUE_NULL = 0, VALUE_FIXED = 1, VALUE_BYTES = 2 };

typedef struct {
    int size;
    char fixed[8];
    const char *bytes;
} Value;

static int fixed64(Value *out, uint64_t value)
{
    out->size = 8;
    put64(out->fixed, value);
    return VALUE_FIXED;
}

static int take_integer(const Column *column, int64_t value, Value *out)
{
    double real;
    uint64_t raw;
    switch (column->code) {
    case 'i':
        return fixed64(out, (uint64_t)value);
    case '?':
        if (value != 0 && value != 1)
            return VALUE_ODD;
        out->size = 1;
        out->fixed[0] = (char)value;
        return VALUE_FIXED;
    case 'e':
        if (value < column->least || value >= column->beyond)
            return VALUE_ODD;
        return fixed64(out, (uint64_t)(value * column->factor - UNIX_TO_2000_US));
    case 'd':
        if (value < -(INT64_C(1) << 53) || value > INT64_C(1) << 53)
            return VALUE_ODD;
        real = (double)value;
        memcpy(&raw, &real, 8);
        return fixed64(out, raw);
    default:
        return VALUE_ODD;
    }
}

static int take_text(const Column *column, const char *text, int size, Value *out)
{
    int64_t found, offset;
    int aware;
    switch (column->code) {
    case 't':
    case 'j':
        out->bytes = text;
        out->size = size;
        return VALUE_BYTES;
    case 's':
    case 'a':
        return read_stamp(text, size, column->code == 'a', &found) ? fixed64(out, (uint64_t)found) : VALUE_ODD;
    case 'D':
        if (size != 10 || !read_day(text, &found))
            return VALUE_ODD;
        out->size = 4;
        put32(out->fixed, (uint32_t)(int32_t)found);
        return VALUE_FIXED;
    case 'T':
        if (!read_clock(text, size, &found, &aware, &offset) || aware)
            return VALUE_ODD;
        return fixed64(out, (uint64_t)found);
    default:
        return VALUE_ODD;
    }
}

static int take(const Column *column, sqlite3_value *value, Value *out)
{
    double real;
    uint64_t raw;
    switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
        return VALUE_NULL;
    case SQLITE_INTEGER:
        return take_integer(column, sqlite3_value_int64(value), out);
    case SQLITE_FLOAT:
        if (column->code != 'd')
            return VALUE_ODD;
        real = sqlite3_value_double(value);
        memcpy(&raw, &real, 8);
        return fixed64(out, raw);
    case SQLITE_BLOB:
        if (column->code != 'b')
            return VALUE_ODD;
        out->bytes = sqlite3_value_blob(value);
        out->size = sqlite3_value_bytes(value);
        return VALUE_BYTES;
    default: /* text; of a database in UTF-8, as stored */
        out->bytes = (const char *)sqlite3_value_text(value);
        out->size = sqlite3_value_bytes(value);
        return take_text(column, out->bytes, out->size, out);
    }
}

/* --- a reading --- */

typedef struct {
    PyObject_HEAD
    PyObject *owner; /* the connection, which must outlive the statement */
    sqlite3 *db;
    sqlite3_stmt *statement;
    int columns;
    Column *column;
    Buffer rows;
    Buffer *parts; /* of `blocks`, one for each column */
    int64_t first, last;
    Py_ssize_t count;
    int odd, error;
} Reading;

static int row_as_copy(Reading *self)
{
    Buffer *out = &self->rows;
    size_t began = out->used;
    Value value = {0};
    if (buffer_reserve(out, 2 + 12 * (size_t)self->columns) < 0)
        return -1;
    put16(out->at + out->used, (uint16_t)self->columns);
    out->used += 2;
    for (int place = 0; place < self->columns; place++) {
        const Column *column = self->column + place;
        int kind = take(column, sqlite3_column_value(self->statement, place + 1), &value);
        if (kind == VALUE_ODD || (kind == VALUE_BYTES && value.bytes == NULL && value.size)) {
            out->used = began;
            self->odd = place;
            return 1;
        }
        size_t rest = 12 * (size_t)(self->columns - place);
        if (buffer_reserve(out, (kind == VALUE_BYTES ? (size_t)value.size + 1 : 0) + rest) < 0)
            return -1;
        char *at = out->at + out->used;
        if (kind == VALUE_NULL) {
            put32(at, 0xffffffffu);
            out->used += 4;
            continue;
        }
        int before = column->code == 'j';
        put32(at, (uint32_t)value.size + before);
        at += 4;
        if (before)
            *at++ = 1;
        if (kind == VALUE_FIXED)
            memcpy(at, value.fixed, 8); /* there is room for 8, whatever the size */
        else if (value.size)
            memcpy(at, value.bytes, value.size);
        out->used += 4 + before + value.size;
    }
    return 0;
}

/* Each column's values in a row of their own, as the server's `*_send` functions give them; NULL is one byte 2,
 * and between values without a fixed width stands one byte 1. */
static int row_as_parts(Reading *self)
{
    Value value = {0};
    for (int place = 0; place < self->columns; place++) {
        const Column *column = self->column + place;
        Buffer *out = self->parts + place;
        int wide = column->code == 't' || column->code == 'b' || column->code == 'j';
        int kind = take(column, sqlite3_column_value(self->statement, place + 1), &value);
        if (kind == VALUE_ODD || (kind == VALUE_BYTES && value.bytes == NULL && value.size)) {
            self->odd = place;
            return 1; /* the caller throws the block away */
        }
        if (buffer_reserve(out, 10 + (kind == VALUE_BYTES ? (size_t)value.size : 0)) < 0)
            return -1;
        if (wide && self->count)
            out->at[out->used++] = 1;
        if (kind == VALUE_NULL)
            out->at[out->used++] = 2;
        else if (kind == VALUE_FIXED) {
            memcpy(out->at + out->used, value.fixed, 8);
            out->used += value.size;
        } else if (value.size) {
            memcpy(out->at + out->used, value.bytes, value.size);
            out->used += value.size;
        }
    }
    return 0;
}

static size_t parts_used(const Reading *self)
{
    size_t used = 0;
    for (int place = 0; place < self->columns; place++)
        used += self->parts[place].used;
    return used;
}

static int read_on(Reading *self, Py_ssize_t most_bytes, Py_ssize_t most_rows, int longest)
{
    int ended = MORE;
    int before = longest > 0 ? sqlite3_limit(self->db, SQLITE_LIMIT_LENGTH, longest) : 0;
    self->count = 0;
    self->rows.used = 0;
    if (self->parts)
        for (int place = 0; place < self->columns; place++)
            self->parts[place].used = 0;
    while (ended == MORE) {
        int code = sqlite3_step(self->statement);
        if (code == SQLITE_DONE) {
            ended = DONE;
            break;
        }
        if (code != SQLITE_ROW) {
            self->error = code;
            ended = FAILED;
            break;
        }
        int64_t number = sqlite3_value_int64(sqlite3_column_value(self->statement, 0));
        int odd = self->parts ? row_as_parts(self) : row_as_copy(self);
        if (odd) {
            self->error = odd < 0 ? SQLITE_NOMEM : 0;
            ended = odd < 0 ? FAILED : ODD;
            break;
        }
        if (self->count++ == 0)
            self->first = number;
        self->last = number;
        size_t used = self->parts ? parts_used(self) : self->rows.used;
        if ((Py_ssize_t)used >= most_bytes || self->count >= most_rows)
            break;
    }
    if (longest > 0)
        sqlite3_limit(self->db, SQLITE_LIMIT_LENGTH, before);
    return ended;
}

static PyObject *reading_read(Reading *self, PyObject *args)
{
    Py_ssize_t most_bytes, most_rows;
    int longest, ended;
    if (!PyArg_ParseTuple(args, "nni:read", &most_bytes, &most_rows, &longest))
        return NULL;
    if (self->statement == NULL)
        return PyErr_Format(PyExc_ValueError, "the reading is closed");
    Py_BEGIN_ALLOW_THREADS
    ended = read_on(self, most_bytes, most_rows, longest);
    Py_END_ALLOW_THREADS
    if (ended == FAILED && self->error == SQLITE_NOMEM)
        return PyErr_NoMemory();
    PyObject *body;
    if (self->parts == NULL)
        body = PyBytes_FromStringAndSize(self->rows.at, (Py_ssize_t)self->rows.used);
    else if (ended == ODD)
        body = PyTuple_New(0);
    else {
        body = PyTuple_New(self->columns);
        for (int place = 0; body != NULL && place < self->columns; place++) {
            Buffer *part = self->parts + place;
            PyObject *one = PyBytes_FromStringAndSize(part->at, (Py_ssize_t)part->used);
            if (one == NULL || PyTuple_SetItem(body, place, one) < 0)
                Py_CLEAR(body);
        }
    }
    if (body == NULL)
        return NULL;
    return Py_BuildValue("(Nniii)", body, self->count, ended, self->odd, self->error);
}

static PyObject *reading_numbers(Reading *self, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(LL)", (long long)self->first, (long long)self->last);
}

static void reading_end(Reading *self)
{
    if (self->statement != NULL)
        sqlite3_finalize(self->statement);
    self->statement = NULL;
    Py_CLEAR(self->owner);
}

static PyObject *reading_close(Reading *self, PyObject *unused)
{
    (void)unused;
    reading_end(self);
    Py_RETURN_NONE;
}

static void reading_dealloc(Reading *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    reading_end(self);
    if (self->parts)
        for (int place = 0; place < self->columns; place++)
            free(self->parts[place].at);
    free(self->parts);
    free(self->rows.at);
    free(self->column);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static int take_columns(Reading *self, PyObject *columns)
{
    Py_ssize_t number = PyTuple_Size(columns);
    if (number < 0)
        return -1;
    if (number > 32766) {
        PyErr_Format(PyExc_ValueError, "too many columns");
        return -1;
    }
    self->column = calloc(number ? number : 1, sizeof(Column));
    if (self->column == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t place = 0; place < number; place++) {
        int code;
        long long factor, least, beyond;
        PyObject *one = PyTuple_GetItem(columns, place);
        if (one == NULL || !PyArg_ParseTuple(one, "CLLL", &code, &factor, &least, &beyond))
            return -1;
        self->column[place] = (Column){(char)code, factor, least, beyond};
    }
    self->columns = (int)number;
    return 0;
}

static PyObject *reading_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"connection", "pointer", "sql", "bound", "columns", "parts", NULL};
    PyObject *owner, *pointer, *bound, *columns;
    const char *sql;
    int parts;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!sO!O!p:Reading", names, &owner, &PyLong_Type, &pointer, &sql,
                                     &PyTuple_Type, &bound, &PyTuple_Type, &columns, &parts))
        return NULL;
    Reading *self = made(type);
    if (self == NULL)
        return NULL;
    if (prepare(pointer, sql, &self->db, &self->statement) < 0 || take_columns(self, columns) < 0)
        goto failed;
    if (parts && (self->parts = calloc(self->columns ? self->columns : 1, sizeof(Buffer))) == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    Py_INCREF(owner);
    self->owner = owner;
    if (sqlite3_column_count(self->statement) != self->columns + 1) {
        PyErr_Format(PyExc_ValueError, "%d columns are read, and %d described",
                     sqlite3_column_count(self->statement) - 1, self->columns);
        goto failed;
    }
    if (bind_numbers(self->statement, bound) < 0)
        goto failed;
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef reading_methods[] = {
    {"read", (PyCFunction)reading_read, METH_VARARGS, "The next rows: body, rows, how it ended, odd column, error."},
    {"numbers", (PyCFunction)reading_numbers, METH_NOARGS, "The first and the last row number of what was read last."},
    {"close", (PyCFunction)reading_close, METH_NOARGS, "End the statement."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reading_slots[] = {
    {Py_tp_new, reading_new},
    {Py_tp_dealloc, reading_dealloc},
    {Py_tp_methods, reading_methods},
    {Py_tp_doc, "Rows of one SELECT whose first column is the row number."},
    {0, NULL},
};

static PyType_Spec reading_spec = {
    "recon_native.reader.Reading", sizeof(Reading), 0, Py_TPFLAGS_DEFAULT, reading_slots,
};

static int reader_exec(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&reading_spec);
    if (type == NULL)
        return -1;
    if (PyModule_AddObjectRef(module, "Reading", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    Py_DECREF(type);
    if (lines_add(module) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "ABI", ABI);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, reader_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "reader", "Rows of SQLite as bytes for Postgres.", 0, NULL, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_reader(void)
{
    return PyModuleDef_Init(&module_def);
}

/* What SQLite calls when it loads this file as an extension: it brings its functions along. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int sqlite3_recon_init(sqlite3 *db, char **message, const sqlite3_api_routines *routines)
{
    (void)db;
    (void)message;
    SQLITE_EXTENSION_INIT2(routines);
    return SQLITE_OK;
}
