/* A line of a snapshot cell by cell. */
#ifndef RECON_PARSE_H
#define RECON_PARSE_H

#include "lines.h"

#include <stdint.h>

#include "buffer.h"

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

typedef struct {
    int columns;
    char *tagged; /* the columns in which an object may stand */
    Line line;
} Parser;

/* WRITTEN if it took the cell. */
typedef int (*Take)(void *to, int place, const Cell *cell);

/* `tagged`: a tuple of places. -1 with an exception; `parser_end` is due in any case. */
int parser_begin(Parser *self, Py_ssize_t columns, PyObject *tagged);
void parser_end(Parser *self);

/* One line, whose newline is at `end`: each cell given to `take`. */
int parse_line(Parser *self, const char *at, const char *end, Take take, void *to);

#endif
