/* Lines out of SQLite, and out of COPY's binary stream. */
#include "lines.h"

SQLITE_EXTENSION_INIT3

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "text.h"

typedef struct {
    Buffer out;
    int columns, key; /* the place of the key, an integer by which shards are cut */
    char *tagged;     /* the columns in which an object was written */
    int64_t shard, last;
    Py_ssize_t count;
} Lines;

static int lines_begin(Lines *self, Py_ssize_t columns, int key)
{
    if (columns < 1 || columns > MOST_COLUMNS || key < 0 || key >= columns) {
        PyErr_Format(PyExc_ValueError, "no such columns");
        return -1;
    }
    self->columns = (int)columns;
    self->key = key;
    self->tagged = calloc((size_t)columns, 1);
    if (self->tagged == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static void lines_end(Lines *self)
{
    free(self->out.at);
    free(self->tagged);
}

/* Whether the row of this key belongs to the shard of those before it; of the first row, which shard that is. */
static int lines_belongs(Lines *self, int64_t key, int64_t width)
{
    int64_t shard = key / width - (key % width < 0);
    if (self->count == 0)
        self->shard = shard;
    return shard == self->shard;
}

/* The places of the columns with tags, and the last key. */
static PyObject *lines_found(const Lines *self)
{
    PyObject *places = PyList_New(0);
    for (int place = 0; places != NULL && place < self->columns; place++) {
        PyObject *one = self->tagged[place] ? PyLong_FromLong(place) : NULL;
        if (self->tagged[place] && (one == NULL || PyList_Append(places, one) < 0))
            Py_CLEAR(places);
        Py_XDECREF(one);
    }
    return places;
}

/* --- lines out of SQLite --- */

typedef struct {
    PyObject_HEAD
    PyObject *owner; /* the connection, which must outlive the statement */
    sqlite3 *db;
    sqlite3_stmt *statement;
    Lines lines;
    int waiting; /* the row at which the statement stands is not written yet */
    int error;
} Written;

static int write_cell(Lines *lines, int place, sqlite3_value *value)
{
    Buffer *out = &lines->out;
    const char *bytes;
    int size;
    double real;
    switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
        return put(out, "null", 4);
    case SQLITE_INTEGER:
        return write_whole(out, sqlite3_value_int64(value));
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        lines->tagged[place] |= real - real != 0.0;
        return write_real(out, real);
    case SQLITE_BLOB:
        bytes = sqlite3_value_blob(value);
        size = sqlite3_value_bytes(value);
        lines->tagged[place] = 1;
        return bytes == NULL && size ? NO_MEMORY : write_blob(out, (const unsigned char *)bytes, (size_t)size);
    default: /* text, of a database in UTF-8, as stored */
        bytes = (const char *)sqlite3_value_text(value);
        size = sqlite3_value_bytes(value);
        return bytes == NULL ? NO_MEMORY : write_text(out, bytes, (size_t)size);
    }
}

static int write_row(Written *self)
{
    Lines *lines = &self->lines;
    size_t began = lines->out.used;
    int found = put(&lines->out, "[", 1);
    for (int place = 0; found == WRITTEN && place < lines->columns; place++) {
        if (place)
            found = put(&lines->out, ",", 1);
        if (found == WRITTEN)
            found = write_cell(lines, place, sqlite3_column_value(self->statement, place));
    }
    if (found == WRITTEN)
        found = put(&lines->out, "]\n", 2);
    if (found != WRITTEN)
        lines->out.used = began;
    return found;
}

static int written_on(Written *self, int64_t width, Py_ssize_t most_bytes)
{
    Lines *lines = &self->lines;
    lines->count = 0;
    lines->out.used = 0;
    for (;;) {
        int code = self->waiting ? SQLITE_ROW : sqlite3_step(self->statement);
        self->waiting = 0;
        if (code == SQLITE_DONE)
            return DONE;
        if (code != SQLITE_ROW) {
            self->error = code;
            return FAILED;
        }
        sqlite3_value *key = sqlite3_column_value(self->statement, lines->key);
        if (sqlite3_value_type(key) != SQLITE_INTEGER)
            return ODD;
        int64_t number = sqlite3_value_int64(key);
        if (!lines_belongs(lines, number, width) || (Py_ssize_t)lines->out.used >= most_bytes) {
            self->waiting = 1;
            return MORE;
        }
        int found = write_row(self);
        if (found != WRITTEN) {
            self->error = found < 0 ? SQLITE_NOMEM : 0;
            return found < 0 ? FAILED : ODD;
        }
        lines->count++;
        lines->last = number;
    }
}

static PyObject *written_read(Written *self, PyObject *args)
{
    Py_ssize_t most_bytes;
    long long width;
    int longest, ended;
    if (!PyArg_ParseTuple(args, "Lni:read", &width, &most_bytes, &longest))
        return NULL;
    if (self->statement == NULL || width < 1)
        return PyErr_Format(PyExc_ValueError, "the reading is closed, or no shard has a width of %lld", width);
    Py_BEGIN_ALLOW_THREADS
    int before = sqlite3_limit(self->db, SQLITE_LIMIT_LENGTH, longest);
    ended = written_on(self, width, most_bytes);
    sqlite3_limit(self->db, SQLITE_LIMIT_LENGTH, before);
    Py_END_ALLOW_THREADS
    if (ended == FAILED && self->error == SQLITE_NOMEM)
        return PyErr_NoMemory();
    return Py_BuildValue("(y#niL)", self->lines.out.at ? self->lines.out.at : "", (Py_ssize_t)self->lines.out.used,
                         self->lines.count, ended, (long long)self->lines.last);
}

static PyObject *written_tagged(Written *self, PyObject *unused)
{
    (void)unused;
    return lines_found(&self->lines);
}

static void written_end(Written *self)
{
    if (self->statement != NULL)
        sqlite3_finalize(self->statement);
    self->statement = NULL;
    Py_CLEAR(self->owner);
}

static PyObject *written_close(Written *self, PyObject *unused)
{
    (void)unused;
    written_end(self);
    Py_RETURN_NONE;
}

static void written_dealloc(Written *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    written_end(self);
    lines_end(&self->lines);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *written_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"connection", "pointer", "sql", "bound", "key", NULL};
    PyObject *owner, *pointer, *bound;
    const char *sql;
    int key;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!sO!i:SqliteLines", names, &owner, &PyLong_Type, &pointer, &sql,
                                     &PyTuple_Type, &bound, &key))
        return NULL;
    Written *self = made(type);
    if (self == NULL)
        return NULL;
    if (prepare(pointer, sql, &self->db, &self->statement) < 0
        || lines_begin(&self->lines, sqlite3_column_count(self->statement), key) < 0)
        goto failed;
    Py_INCREF(owner);
    self->owner = owner;
    if (bind_numbers(self->statement, bound) < 0)
        goto failed;
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef written_methods[] = {
    {"read", (PyCFunction)written_read, METH_VARARGS, "The next lines of one shard: text, rows, how it ended, last key."},
    {"tagged", (PyCFunction)written_tagged, METH_NOARGS, "The places of the columns in which an object was written."},
    {"close", (PyCFunction)written_close, METH_NOARGS, "End the statement."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot written_slots[] = {
    {Py_tp_new, written_new},
    {Py_tp_dealloc, written_dealloc},
    {Py_tp_methods, written_methods},
    {Py_tp_doc, "Rows of a SELECT as lines of a snapshot."},
    {0, NULL},
};

PyType_Spec sqlite_lines_spec = {"recon_native.reader.SqliteLines", sizeof(Written), 0, Py_TPFLAGS_DEFAULT, written_slots};

/* --- lines out of COPY's binary stream --- */

typedef struct {
    PyObject_HEAD
    Lines lines;
    char *code; /* of each column: ? boolean, i integer, d double, t text, b bytes */
} Copied;

static inline uint64_t big_endian(const unsigned char *at, int size)
{
    uint64_t value = 0;
    for (int place = 0; place < size; place++)
        value = value << 8 | at[place];
    return value;
}

static int read_integer(const unsigned char *at, int64_t size, int64_t *value)
{
    if (size == 2)
        *value = (int16_t)big_endian(at, 2);
    else if (size == 4)
        *value = (int32_t)big_endian(at, 4);
    else if (size == 8)
        *value = (int64_t)big_endian(at, 8);
    else
        return UNKNOWN;
    return WRITTEN;
}

static int copied_cell(Copied *self, int place, const unsigned char *at, int64_t size)
{
    Buffer *out = &self->lines.out;
    int64_t whole;
    uint64_t raw;
    double real;
    switch (self->code[place]) {
    case '?':
        if (size != 1 || at[0] > 1)
            return UNKNOWN;
        return at[0] ? put(out, "true", 4) : put(out, "false", 5);
    case 'i':
        return read_integer(at, size, &whole) == WRITTEN ? write_whole(out, whole) : UNKNOWN;
    case 'd':
        if (size != 8)
            return UNKNOWN;
        raw = big_endian(at, 8);
        memcpy(&real, &raw, 8);
        self->lines.tagged[place] |= real - real != 0.0;
        return write_real(out, real);
    case 'b':
        self->lines.tagged[place] = 1;
        return write_blob(out, at, (size_t)size);
    default:
        return write_text(out, (const char *)at, (size_t)size);
    }
}

/* The row at `at`, written and passed over. */
static int copied_row(Copied *self, const unsigned char **began, const unsigned char *end, int64_t *key)
{
    Lines *lines = &self->lines;
    const unsigned char *at = *began + 2;
    int found = put(&lines->out, "[", 1);
    for (int place = 0; place < lines->columns; place++) {
        if (end - at < 4)
            return UNKNOWN;
        int64_t size = (int32_t)big_endian(at, 4);
        at += 4;
        if (size < -1 || size > end - at)
            return UNKNOWN;
        if (place == lines->key && (size < 0 || read_integer(at, size, key) != WRITTEN))
            return UNKNOWN;
        if (place && found == WRITTEN)
            found = put(&lines->out, ",", 1);
        if (found == WRITTEN)
            found = size < 0 ? put(&lines->out, "null", 4) : copied_cell(self, place, at, size);
        if (found != WRITTEN)
            return found;
        at += size < 0 ? 0 : size;
    }
    *began = at;
    return put(&lines->out, "]\n", 2);
}

static int copied_on(Copied *self, const unsigned char **at, const unsigned char *end, int64_t width)
{
    Lines *lines = &self->lines;
    lines->count = 0;
    lines->out.used = 0;
    while (*at < end) {
        const unsigned char *next = *at;
        size_t began = lines->out.used;
        int64_t key = 0;
        if (end - next < 2)
            return ODD;
        if (big_endian(next, 2) == 0xffff) {
            *at = next + 2;
            return DONE;
        }
        int found = big_endian(next, 2) == (uint64_t)lines->columns ? copied_row(self, &next, end, &key) : UNKNOWN;
        if (found != WRITTEN) {
            lines->out.used = began;
            return found < 0 ? FAILED : ODD;
        }
        if (!lines_belongs(lines, key, width)) {
            lines->out.used = began; /* the first of the next shard; it is written again then */
            return MORE;
        }
        lines->count++;
        lines->last = key;
        *at = next;
    }
    return DRY;
}

static PyObject *copied_read(Copied *self, PyObject *args)
{
    Py_buffer data;
    Py_ssize_t start;
    long long width;
    int ended;
    if (!PyArg_ParseTuple(args, "y*nL:read", &data, &start, &width))
        return NULL;
    if (start < 0 || start > data.len || width < 1) {
        PyBuffer_Release(&data);
        return PyErr_Format(PyExc_ValueError, "nothing begins at %zd, or no shard has that width", start);
    }
    const unsigned char *began = data.buf, *at = began + start;
    Py_BEGIN_ALLOW_THREADS
    ended = copied_on(self, &at, began + data.len, width);
    Py_END_ALLOW_THREADS
    Py_ssize_t reached = at - began;
    PyBuffer_Release(&data);
    if (ended == FAILED)
        return PyErr_NoMemory();
    return Py_BuildValue("(y#niLn)", self->lines.out.at ? self->lines.out.at : "", (Py_ssize_t)self->lines.out.used,
                         self->lines.count, ended, (long long)self->lines.last, reached);
}

static PyObject *copied_tagged(Copied *self, PyObject *unused)
{
    (void)unused;
    return lines_found(&self->lines);
}

static void copied_dealloc(Copied *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    lines_end(&self->lines);
    free(self->code);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *copied_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"codes", "key", NULL};
    const char *codes;
    Py_ssize_t number;
    int key;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s#i:CopyLines", names, &codes, &number, &key))
        return NULL;
    Copied *self = made(type);
    if (self == NULL)
        return NULL;
    if (lines_begin(&self->lines, number, key) < 0)
        goto failed;
    self->code = malloc((size_t)number);
    if (self->code == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    memcpy(self->code, codes, (size_t)number);
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef copied_methods[] = {
    {"read", (PyCFunction)copied_read, METH_VARARGS,
     "Lines of one shard from rows of COPY: text, rows, how it ended, last key, how far it came."},
    {"tagged", (PyCFunction)copied_tagged, METH_NOARGS, "The places of the columns in which an object was written."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot copied_slots[] = {
    {Py_tp_new, copied_new},
    {Py_tp_dealloc, copied_dealloc},
    {Py_tp_methods, copied_methods},
    {Py_tp_doc, "Rows of COPY's binary stream as lines of a snapshot."},
    {0, NULL},
};

PyType_Spec copy_lines_spec = {"recon_native.reader.CopyLines", sizeof(Copied), 0, Py_TPFLAGS_DEFAULT, copied_slots};
