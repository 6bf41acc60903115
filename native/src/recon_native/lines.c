/* The lines of snapshots (docs/design/snapshot-format.md): out of SQLite and out of Postgres's binary COPY stream, into
 * SQLite and into Postgres's COPY text.
 *
 * Only what recon writes by itself is known here, and no more: any other spelling, any value that wants a second thought
 * ends the work before its row, and the caller, who knows all the rules, takes that row and goes on.
 */
#include "lines.h"

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "numbers.h"

enum { WRITTEN = 0, UNKNOWN = 1, NO_MEMORY = -1 };
enum { MOST_COLUMNS = 32766 };

/* --- text --- */

/* The length of the UTF-8 sequence of several bytes at `at`; 0 if it is none. */
static inline int sequence(const unsigned char *at, size_t left)
{
    unsigned lead = at[0];
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    int size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (left < (size_t)size)
        return 0;
    for (int place = 1; place < size; place++)
        if ((at[place] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] >= 0xa0) || (lead == 0xf0 && at[1] < 0x90)
        || (lead == 0xf4 && at[1] >= 0x90))
        return 0;
    return size;
}

/* How many bytes stand for themselves in a JSON string: no quote, backslash, control character or broken UTF-8. */
static size_t plain(const unsigned char *began, const unsigned char *end)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    const unsigned char *at = began;
    while (at < end) {
        if (end - at >= 8) {
            uint64_t word, quote, slash;
            memcpy(&word, at, 8);
            quote = word ^ (ones * '"');
            slash = word ^ (ones * '\\');
            if (!((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & highs)) {
                at += 8;
                continue;
            }
        }
        if (*at >= 0x80) {
            int size = sequence(at, (size_t)(end - at));
            if (!size)
                break;
            at += size;
        } else if (*at < 0x20 || *at == '"' || *at == '\\')
            break;
        else
            at++;
    }
    return (size_t)(at - began);
}

static int put(Buffer *out, const void *bytes, size_t size)
{
    if (buffer_reserve(out, size) < 0)
        return NO_MEMORY;
    if (size)
        memcpy(out->at + out->used, bytes, size);
    out->used += size;
    return WRITTEN;
}

static int write_text(Buffer *out, const char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    if (buffer_reserve(out, size + 2) < 0)
        return NO_MEMORY;
    out->at[out->used++] = '"';
    for (;;) {
        size_t run = plain(at, end);
        if (put(out, at, run) < 0 || buffer_reserve(out, 6) < 0)
            return NO_MEMORY;
        at += run;
        if (at == end)
            break;
        if (*at >= 0x80)
            return UNKNOWN;
        char *to = out->at + out->used;
        const char *named = memchr("\"\\\b\f\n\r\t", *at, 7);
        to[0] = '\\';
        if (named != NULL && *at) {
            to[1] = "\"\\bfnrt"[strchr("\"\\\b\f\n\r\t", *at) - "\"\\\b\f\n\r\t"];
            out->used += 2;
        } else {
            memcpy(to + 1, "u00", 3);
            to[4] = hex[*at >> 4];
            to[5] = hex[*at & 15];
            out->used += 6;
        }
        at++;
    }
    out->at[out->used++] = '"';
    return WRITTEN;
}

/* --- bytes, as base64 (RFC 4648, section 4) --- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int write_blob(Buffer *out, const unsigned char *bytes, size_t size)
{
    if (buffer_reserve(out, size / 3 * 4 + 4 + 10) < 0)
        return NO_MEMORY;
    char *to = out->at + out->used;
    memcpy(to, "{\"$b\":\"", 7);
    to += 7;
    size_t place = 0;
    for (; place + 3 <= size; place += 3, to += 4) {
        unsigned three = (unsigned)bytes[place] << 16 | (unsigned)bytes[place + 1] << 8 | bytes[place + 2];
        to[0] = letters[three >> 18];
        to[1] = letters[three >> 12 & 63];
        to[2] = letters[three >> 6 & 63];
        to[3] = letters[three & 63];
    }
    if (place < size) {
        unsigned rest = (unsigned)bytes[place] << 16 | (place + 1 < size ? (unsigned)bytes[place + 1] << 8 : 0);
        to[0] = letters[rest >> 18];
        to[1] = letters[rest >> 12 & 63];
        to[2] = place + 1 < size ? letters[rest >> 6 & 63] : '=';
        to[3] = '=';
        to += 4;
    }
    memcpy(to, "\"}", 2);
    out->used = (size_t)(to + 2 - out->at);
    return WRITTEN;
}

static int letter(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Up to the first character that is no letter; how many bytes, -1 if they are not written as `write_blob` does. */
static int64_t read_blob(const unsigned char *at, const unsigned char *end, const unsigned char **after, char *out)
{
    char *to = out;
    for (;;) {
        int four[4], known = 0;
        while (known < 4 && at + known < end && (four[known] = letter(at[known])) >= 0)
            known++;
        at += known;
        if (known == 4) {
            *to++ = (char)(four[0] << 2 | four[1] >> 4);
            *to++ = (char)(four[1] << 4 | four[2] >> 2);
            *to++ = (char)(four[2] << 6 | four[3]);
            continue;
        }
        if (known == 1)
            return -1;
        for (int pad = known; known && pad < 4; pad++)
            if (at == end || *at++ != '=')
                return -1;
        if (known)
            *to++ = (char)(four[0] << 2 | four[1] >> 4);
        if (known == 3)
            *to++ = (char)(four[1] << 4 | four[2] >> 2);
        if ((known == 2 && four[1] & 15) || (known == 3 && four[2] & 3))
            return -1;
        *after = at;
        return to - out;
    }
}

static int write_real(Buffer *out, double value)
{
    if (value != value)
        return put(out, "{\"$r\":\"nan\"}", 12);
    if (value - value != 0.0)
        return value < 0 ? put(out, "{\"$r\":\"-inf\"}", 13) : put(out, "{\"$r\":\"inf\"}", 12);
    if (buffer_reserve(out, LONGEST_NUMBER) < 0)
        return NO_MEMORY;
    out->used += write_float(out->at + out->used, value);
    return WRITTEN;
}

static int write_whole(Buffer *out, int64_t value)
{
    if (buffer_reserve(out, LONGEST_NUMBER) < 0)
        return NO_MEMORY;
    out->used += write_integer(out->at + out->used, value);
    return WRITTEN;
}

/* --- lines out: what both readers have in common --- */

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

static void *made(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

/* The statement, on the caller's connection. */
static int prepare(PyObject *pointer, const char *sql, sqlite3 **db, sqlite3_stmt **statement)
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
    for (Py_ssize_t place = 0; place < PyTuple_Size(bound); place++) {
        long long value = PyLong_AsLongLong(PyTuple_GetItem(bound, place));
        if (value == -1 && PyErr_Occurred())
            goto failed;
        sqlite3_bind_int64(self->statement, (int)place + 1, value);
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

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

/* --- lines in: one line cell by cell --- */

enum { CELL_ODD, CELL_NULL, CELL_TRUE, CELL_FALSE, CELL_INTEGER, CELL_REAL, CELL_TEXT, CELL_BYTES };

typedef struct {
    int kind;
    const char *bytes; /* of numbers the digits as they stand */
    size_t size;
    int64_t integer;
    double real;
} Cell;

typedef struct {
    const char *at, *end;
    Buffer scratch; /* texts with escapes and blobs of this line; never moved within a line, for cells point into it */
} Line;

static int starts(const Line *line, const char *with, size_t size)
{
    return (size_t)(line->end - line->at) >= size && memcmp(line->at, with, size) == 0;
}

/* The character for which an escape stands, -1 if it is none that recon writes. `after` passes it over. */
static int escaped(const unsigned char *at, const unsigned char *end, const unsigned char **after)
{
    static const char names[] = "\"\\bfnrt", stand[] = "\"\\\b\f\n\r\t";
    if (end - at < 2)
        return -1;
    const char *found = at[1] ? strchr(names, at[1]) : NULL;
    if (found != NULL) {
        *after = at + 2;
        return stand[found - names];
    }
    if (end - at < 6 || memcmp(at, "\\u00", 4) != 0 || (at[4] != '0' && at[4] != '1'))
        return -1;
    int low = at[5] >= '0' && at[5] <= '9' ? at[5] - '0' : at[5] >= 'a' && at[5] <= 'f' ? at[5] - 'a' + 10 : -1;
    *after = at + 6;
    return low < 0 ? -1 : (at[4] - '0') * 16 + low;
}

static void read_text(Line *line, Cell *cell)
{
    const unsigned char *at = (const unsigned char *)line->at + 1, *end = (const unsigned char *)line->end;
    size_t run = plain(at, end);
    if (at + run < end && at[run] == '"') {
        *cell = (Cell){.kind = CELL_TEXT, .bytes = (const char *)at, .size = run};
        line->at = (const char *)at + run + 1;
        return;
    }
    char *began = line->scratch.at + line->scratch.used, *to = began;
    for (;;) {
        memcpy(to, at, run);
        to += run;
        at += run;
        if (at == end || (*at != '"' && *at != '\\'))
            return;
        if (*at == '"')
            break;
        int found = escaped(at, end, &at);
        if (found < 0)
            return;
        *to++ = (char)found;
        run = plain(at, end);
    }
    *cell = (Cell){.kind = CELL_TEXT, .bytes = began, .size = (size_t)(to - began)};
    line->scratch.used += cell->size;
    line->at = (const char *)at + 1;
}

static void read_tag(Line *line, Cell *cell)
{
    static const struct {
        const char *word;
        size_t size;
        double real;
    } reals[] = {{"{\"$r\":\"inf\"}", 12, __builtin_inf()},
                 {"{\"$r\":\"-inf\"}", 13, -__builtin_inf()},
                 {"{\"$r\":\"nan\"}", 12, __builtin_nan("")}};
    for (int place = 0; place < 3; place++)
        if (starts(line, reals[place].word, reals[place].size)) {
            size_t size = reals[place].size;
            *cell = (Cell){.kind = CELL_REAL, .bytes = line->at + 7, .size = size - 9, .real = reals[place].real};
            line->at += size;
            return;
        }
    if (!starts(line, "{\"$b\":\"", 7))
        return;
    char *began = line->scratch.at + line->scratch.used;
    const unsigned char *after = NULL;
    int64_t size = read_blob((const unsigned char *)line->at + 7, (const unsigned char *)line->end, &after, began);
    if (size < 0)
        return;
    line->at = (const char *)after;
    if (!starts(line, "\"}", 2))
        return;
    line->at += 2;
    *cell = (Cell){.kind = CELL_BYTES, .bytes = began, .size = (size_t)size};
    line->scratch.used += (size_t)size;
}

/* The next cell; CELL_ODD if it is not written as recon writes. */
static void read_cell(Line *line, int tagged, Cell *cell)
{
    const char *began = line->at;
    *cell = (Cell){.kind = CELL_ODD};
    if (line->at == line->end)
        return;
    if (*line->at == '"') {
        read_text(line, cell);
    } else if (*line->at == '{') {
        if (tagged)
            read_tag(line, cell);
    } else if (starts(line, "null", 4)) {
        cell->kind = CELL_NULL;
        line->at += 4;
    } else if (starts(line, "true", 4)) {
        cell->kind = CELL_TRUE;
        line->at += 4;
    } else if (starts(line, "false", 5)) {
        cell->kind = CELL_FALSE;
        line->at += 5;
    } else {
        int kind = read_number(line->at, line->end, &line->at, &cell->integer, &cell->real);
        cell->kind = kind == NUMBER_INTEGER ? CELL_INTEGER : kind == NUMBER_FLOAT ? CELL_REAL : CELL_ODD;
        cell->bytes = began;
        cell->size = (size_t)(line->at - began);
    }
}

typedef struct {
    int columns;
    char *tagged; /* the columns in which an object may stand */
    Line line;
} Parser;

static int parser_begin(Parser *self, Py_ssize_t columns, PyObject *tagged)
{
    if (columns < 1 || columns > MOST_COLUMNS) {
        PyErr_Format(PyExc_ValueError, "no such columns");
        return -1;
    }
    self->columns = (int)columns;
    self->tagged = calloc((size_t)columns, 1);
    if (self->tagged == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < PyTuple_Size(tagged); at++) {
        Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GetItem(tagged, at));
        if (place < 0 || place >= columns) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "no column %zd", place);
            return -1;
        }
        self->tagged[place] = 1;
    }
    return 0;
}

static void parser_end(Parser *self)
{
    free(self->tagged);
    free(self->line.scratch.at);
}

typedef int (*Take)(void *to, int place, const Cell *cell);

/* One line, whose newline is at `end`: each cell given to `take`. */
static int parse_line(Parser *self, const char *at, const char *end, Take take, void *to)
{
    Line *line = &self->line;
    line->at = at;
    line->end = end;
    line->scratch.used = 0;
    if (buffer_reserve(&line->scratch, (size_t)(end - at) + 1) < 0)
        return NO_MEMORY;
    for (int place = 0; place < self->columns; place++) {
        Cell cell;
        if (line->at == end || *line->at++ != (place ? ',' : '['))
            return UNKNOWN;
        read_cell(line, self->tagged[place], &cell);
        if (cell.kind == CELL_ODD)
            return UNKNOWN;
        int found = take(to, place, &cell);
        if (found != WRITTEN)
            return found;
    }
    return end - line->at == 1 && *line->at == ']' ? WRITTEN : UNKNOWN;
}

/* --- lines into SQLite --- */

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

/* --- lines into COPY's text --- */

typedef struct {
    PyObject_HEAD
    Parser parser;
    Buffer out;
} Copying;

static int copy_text(Buffer *out, const char *text, size_t size)
{
    if (buffer_reserve(out, 2 * size) < 0)
        return NO_MEMORY;
    char *to = out->at + out->used;
    for (const char *at = text, *end = text + size; at < end; at++) {
        switch (*at) {
        case '\0': /* no text of Postgres holds it */
            return UNKNOWN;
        case '\\':
            *to++ = '\\';
            *to++ = '\\';
            break;
        case '\n':
            *to++ = '\\';
            *to++ = 'n';
            break;
        case '\r':
            *to++ = '\\';
            *to++ = 'r';
            break;
        case '\t':
            *to++ = '\\';
            *to++ = 't';
            break;
        default:
            *to++ = *at;
        }
    }
    out->used = (size_t)(to - out->at);
    return WRITTEN;
}

static int copy_bytes(Buffer *out, const unsigned char *bytes, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    if (buffer_reserve(out, 2 * size + 3) < 0)
        return NO_MEMORY;
    char *to = out->at + out->used;
    memcpy(to, "\\\\x", 3);
    to += 3;
    for (size_t place = 0; place < size; place++) {
        *to++ = hex[bytes[place] >> 4];
        *to++ = hex[bytes[place] & 15];
    }
    out->used = (size_t)(to - out->at);
    return WRITTEN;
}

static int copy_cell(void *to, int place, const Cell *cell)
{
    Buffer *out = to;
    if (place && put(out, "\t", 1) < 0)
        return NO_MEMORY;
    switch (cell->kind) {
    case CELL_NULL:
        return put(out, "\\N", 2);
    case CELL_TRUE:
        return put(out, "t", 1);
    case CELL_FALSE:
        return put(out, "f", 1);
    case CELL_TEXT:
        return copy_text(out, cell->bytes, cell->size);
    case CELL_BYTES:
        return copy_bytes(out, (const unsigned char *)cell->bytes, cell->size);
    default:
        return put(out, cell->bytes, cell->size);
    }
}

static int copying_on(Copying *self, const char **at, const char *end, Py_ssize_t *count)
{
    self->out.used = 0;
    while (*at < end) {
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        size_t began = self->out.used;
        int found = newline == NULL ? UNKNOWN : parse_line(&self->parser, *at, newline, copy_cell, &self->out);
        if (found == WRITTEN)
            found = put(&self->out, "\n", 1);
        if (found != WRITTEN) {
            self->out.used = began;
            return found < 0 ? FAILED : ODD;
        }
        *at = newline + 1;
        ++*count;
    }
    return DRY;
}

static PyObject *copying_put(Copying *self, PyObject *args)
{
    Py_buffer data;
    Py_ssize_t start, count = 0;
    int ended;
    if (!PyArg_ParseTuple(args, "y*n:put", &data, &start))
        return NULL;
    if (start < 0 || start > data.len) {
        PyBuffer_Release(&data);
        return PyErr_Format(PyExc_ValueError, "nothing begins at %zd", start);
    }
    const char *began = data.buf, *at = began + start;
    Py_BEGIN_ALLOW_THREADS
    ended = copying_on(self, &at, began + data.len, &count);
    Py_END_ALLOW_THREADS
    Py_ssize_t reached = at - began;
    PyBuffer_Release(&data);
    if (ended == FAILED)
        return PyErr_NoMemory();
    return Py_BuildValue("(y#nn)", self->out.at ? self->out.at : "", (Py_ssize_t)self->out.used, count, reached);
}

static void copying_dealloc(Copying *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    parser_end(&self->parser);
    free(self->out.at);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *copying_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"columns", "tagged", NULL};
    Py_ssize_t columns;
    PyObject *tagged;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "nO!:CopyText", names, &columns, &PyTuple_Type, &tagged))
        return NULL;
    Copying *self = made(type);
    if (self == NULL)
        return NULL;
    if (parser_begin(&self->parser, columns, tagged) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* --- the module's --- */

static PyMethodDef written_methods[] = {
    {"read", (PyCFunction)written_read, METH_VARARGS, "The next lines of one shard: text, rows, how it ended, last key."},
    {"tagged", (PyCFunction)written_tagged, METH_NOARGS, "The places of the columns in which an object was written."},
    {"close", (PyCFunction)written_close, METH_NOARGS, "End the statement."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef copied_methods[] = {
    {"read", (PyCFunction)copied_read, METH_VARARGS,
     "Lines of one shard from rows of COPY: text, rows, how it ended, last key, how far it came."},
    {"tagged", (PyCFunction)copied_tagged, METH_NOARGS, "The places of the columns in which an object was written."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef filling_methods[] = {
    {"put", (PyCFunction)filling_put, METH_VARARGS, "Put lines into the table: rows, and how far it came."},
    {"close", (PyCFunction)filling_close, METH_NOARGS, "End the statement."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef copying_methods[] = {
    {"put", (PyCFunction)copying_put, METH_VARARGS, "Lines as COPY's text: text, rows, and how far it came."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot written_slots[] = {
    {Py_tp_new, written_new},
    {Py_tp_dealloc, written_dealloc},
    {Py_tp_methods, written_methods},
    {Py_tp_doc, "Rows of a SELECT as lines of a snapshot."},
    {0, NULL},
};
static PyType_Slot copied_slots[] = {
    {Py_tp_new, copied_new},
    {Py_tp_dealloc, copied_dealloc},
    {Py_tp_methods, copied_methods},
    {Py_tp_doc, "Rows of COPY's binary stream as lines of a snapshot."},
    {0, NULL},
};
static PyType_Slot filling_slots[] = {
    {Py_tp_new, filling_new},
    {Py_tp_dealloc, filling_dealloc},
    {Py_tp_methods, filling_methods},
    {Py_tp_doc, "Lines of a snapshot into an INSERT."},
    {0, NULL},
};
static PyType_Slot copying_slots[] = {
    {Py_tp_new, copying_new},
    {Py_tp_dealloc, copying_dealloc},
    {Py_tp_methods, copying_methods},
    {Py_tp_doc, "Lines of a snapshot as COPY's text."},
    {0, NULL},
};

static PyType_Spec specs[] = {
    {"recon_native.reader.SqliteLines", sizeof(Written), 0, Py_TPFLAGS_DEFAULT, written_slots},
    {"recon_native.reader.CopyLines", sizeof(Copied), 0, Py_TPFLAGS_DEFAULT, copied_slots},
    {"recon_native.reader.SqliteFilling", sizeof(Filling), 0, Py_TPFLAGS_DEFAULT, filling_slots},
    {"recon_native.reader.CopyText", sizeof(Copying), 0, Py_TPFLAGS_DEFAULT, copying_slots},
};

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

static PyMethodDef functions[] = {
    {"powers", powers, METH_VARARGS, "Take the powers of ten that floats are written and read by."},
    {NULL, NULL, 0, NULL},
};

int lines_add(PyObject *module)
{
    for (size_t place = 0; place < sizeof specs / sizeof *specs; place++) {
        PyObject *type = PyType_FromSpec(specs + place);
        int added = type == NULL ? -1 : PyModule_AddObjectRef(module, strrchr(specs[place].name, '.') + 1, type);
        Py_XDECREF(type);
        if (added < 0)
            return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
