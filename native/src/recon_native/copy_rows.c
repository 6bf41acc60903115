/* Lines into COPY. */
#include "lines.h"

#include <stdint.h>
#include <string.h>

#include "dates.h"
#include "parse.h"

/* --- lines into COPY: text --- */

typedef struct {
    PyObject_HEAD
    Parser parser;
    Buffer out;
    char *code; /* of each column, in the binary stream; NULL for text */
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

/* --- lines into COPY: binary --- */

static int put_sized(Buffer *out, const void *bytes, size_t size)
{
    if (size > INT32_MAX || buffer_reserve(out, size + 4) < 0)
        return NO_MEMORY;
    put32(out->at + out->used, (uint32_t)size);
    out->used += 4;
    return put(out, bytes, size);
}

static int put_number(Buffer *out, uint64_t value, int size)
{
    char bytes[8];
    put64(bytes, value);
    return put_sized(out, bytes + 8 - size, (size_t)size);
}

/* Digits with or without a point, as numeric_recv takes them: groups of four, and how many stand behind the point. */
static int put_decimal(Buffer *out, const char *text, size_t size)
{
    enum { MOST = 400 };
    const char *point, *end = text + size;
    char padded[MOST + 16], body[8 + MOST / 2 + 16];
    int minus = size && *text == '-';
    text += minus;
    if (end - text < 1 || end - text > MOST)
        return UNKNOWN;
    point = memchr(text, '.', (size_t)(end - text));
    int whole = (int)((point ? point : end) - text), behind = point ? (int)(end - point) - 1 : 0;
    if (whole < 1 || (point && behind < 1))
        return UNKNOWN;
    int lead = (4 - whole % 4) % 4, used = lead;
    memset(padded, '0', sizeof padded);
    for (const char *at = text; at < end; at++) {
        if (at == point)
            continue;
        if (!digit(*at))
            return UNKNOWN;
        padded[used++] = *at;
    }
    int groups = (used + 3) / 4, first = 0, weight = (lead + whole) / 4 - 1, digits = 0;
    for (int group = 0; group < groups; group++) {
        int value = 0;
        for (int place = 0; place < 4; place++)
            value = value * 10 + padded[group * 4 + place] - '0';
        if (value == 0 && digits == 0) {
            first++;
            continue;
        }
        put16(body + 8 + 2 * digits++, (uint16_t)value);
    }
    while (digits && body[8 + 2 * digits - 1] == 0 && body[8 + 2 * digits - 2] == 0)
        digits--;
    put16(body, (uint16_t)digits);
    put16(body + 2, (uint16_t)(digits ? weight - first : 0));
    put16(body + 4, minus && digits ? 0x4000 : 0);
    put16(body + 6, (uint16_t)behind);
    return put_sized(out, body, (size_t)(8 + 2 * digits));
}

static int put_uuid(Buffer *out, const char *text, size_t size)
{
    unsigned char bytes[16];
    int used = 0;
    if (size != 36)
        return UNKNOWN;
    for (int place = 0; place < 36; place++) {
        char c = text[place];
        if (place == 8 || place == 13 || place == 18 || place == 23) {
            if (c != '-')
                return UNKNOWN;
            continue;
        }
        int half = digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (half < 0)
            return UNKNOWN;
        bytes[used / 2] = (unsigned char)(used % 2 ? bytes[used / 2] | half : half << 4);
        used++;
    }
    return put_sized(out, bytes, 16);
}

static int put_words(Buffer *out, char code, const char *text, size_t size)
{
    int64_t found;
    switch (code) {
    case 't':
        return memchr(text, 0, size) ? UNKNOWN : put_sized(out, text, size);
    case 'j': /* jsonb, of which this is version 1 */
        if (size > INT32_MAX - 1 || memchr(text, 0, size) || buffer_reserve(out, size + 5) < 0)
            return UNKNOWN;
        put32(out->at + out->used, (uint32_t)size + 1);
        out->at[out->used + 4] = 1;
        out->used += 5;
        return put(out, text, size);
    case 'a':
    case 's':
        if (size > 40 || !read_stamp(text, (int)size, code == 'a', &found))
            return UNKNOWN;
        return put_number(out, (uint64_t)found, 8);
    case 'D':
        return size == 10 && read_day(text, &found) ? put_number(out, (uint64_t)found, 4) : UNKNOWN;
    case 'n':
        return put_decimal(out, text, size);
    case 'u':
        return put_uuid(out, text, size);
    default:
        return UNKNOWN;
    }
}

static int put_whole(Buffer *out, char code, int64_t value)
{
    switch (code) {
    case '2':
        return value == (int16_t)value ? put_number(out, (uint64_t)value, 2) : UNKNOWN;
    case '4':
        return value == (int32_t)value ? put_number(out, (uint64_t)value, 4) : UNKNOWN;
    case '8':
        return put_number(out, (uint64_t)value, 8);
    default:
        return UNKNOWN;
    }
}

static int binary_cell(void *to, int place, const Cell *cell)
{
    Copying *self = to;
    Buffer *out = &self->out;
    char code = self->code[place];
    uint64_t raw;
    if (place == 0) {
        if (buffer_reserve(out, 2) < 0)
            return NO_MEMORY;
        put16(out->at + out->used, (uint16_t)self->parser.columns);
        out->used += 2;
    }
    switch (cell->kind) {
    case CELL_NULL:
        return put(out, "\xff\xff\xff\xff", 4);
    case CELL_TRUE:
    case CELL_FALSE:
        return code == '?' ? put_number(out, cell->kind == CELL_TRUE, 1) : UNKNOWN;
    case CELL_INTEGER:
        return put_whole(out, code, cell->integer);
    case CELL_REAL:
        memcpy(&raw, &cell->real, 8);
        return code == 'd' ? put_number(out, raw, 8) : UNKNOWN;
    case CELL_TEXT:
        return put_words(out, code, cell->bytes, cell->size);
    default:
        return code == 'b' ? put_sized(out, cell->bytes, cell->size) : UNKNOWN;
    }
}

static int text_cell(void *to, int place, const Cell *cell)
{
    Copying *self = to;
    return copy_cell(&self->out, place, cell);
}

static int copying_on(Copying *self, const char **at, const char *end, Py_ssize_t *count)
{
    self->out.used = 0;
    while (*at < end) {
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        size_t began = self->out.used;
        Take take = self->code ? binary_cell : text_cell;
        int found = newline == NULL ? UNKNOWN : parse_line(&self->parser, *at, newline, take, self);
        if (found == WRITTEN && !self->code)
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
    free(self->code);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *copying_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"columns", "tagged", "codes", NULL};
    Py_ssize_t columns, size = 0;
    PyObject *tagged;
    const char *codes = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "nO!|z#:CopyRows", names, &columns, &PyTuple_Type, &tagged, &codes,
                                     &size))
        return NULL;
    if (codes != NULL && size != columns)
        return PyErr_Format(PyExc_ValueError, "%zd columns, and %zd codes", columns, size);
    Copying *self = made(type);
    if (self == NULL)
        return NULL;
    if (parser_begin(&self->parser, columns, tagged) < 0)
        goto failed;
    if (codes != NULL) {
        self->code = malloc((size_t)size);
        if (self->code == NULL) {
            PyErr_NoMemory();
            goto failed;
        }
        memcpy(self->code, codes, (size_t)size);
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef copying_methods[] = {
    {"put", (PyCFunction)copying_put, METH_VARARGS, "Lines as rows of COPY: body, rows, and how far it came."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot copying_slots[] = {
    {Py_tp_new, copying_new},
    {Py_tp_dealloc, copying_dealloc},
    {Py_tp_methods, copying_methods},
    {Py_tp_doc, "Lines of a snapshot as rows of COPY."},
    {0, NULL},
};

PyType_Spec copy_rows_spec = {"recon_native.reader.CopyRows", sizeof(Copying), 0, Py_TPFLAGS_DEFAULT, copying_slots};
