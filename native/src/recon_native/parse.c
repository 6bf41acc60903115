#include "parse.h"

#include <string.h>

#include "numbers.h"
#include "text.h"

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

int parser_begin(Parser *self, Py_ssize_t columns, PyObject *tagged)
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

void parser_end(Parser *self)
{
    free(self->tagged);
    free(self->line.scratch.at);
}

int parse_line(Parser *self, const char *at, const char *end, Take take, void *to)
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
