/* Bytes that grow. */
#ifndef RECON_BUFFER_H
#define RECON_BUFFER_H

#include <stddef.h>
#include <stdlib.h>

typedef struct {
    char *at;
    size_t used, room;
} Buffer;

static inline int buffer_reserve(Buffer *buffer, size_t more)
{
    if (buffer->room - buffer->used >= more)
        return 0;
    size_t room = buffer->room ? buffer->room : 4096;
    while (room - buffer->used < more)
        room *= 2;
    char *at = realloc(buffer->at, room);
    if (at == NULL)
        return -1;
    buffer->at = at;
    buffer->room = room;
    return 0;
}

/* How a reading ended; native.py has the same numbers. */
enum { MORE = 0, DONE = 1, ODD = 2, FAILED = 3, DRY = 4 };

#endif
