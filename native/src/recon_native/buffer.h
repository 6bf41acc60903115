/* Bytes that grow. */
#ifndef RECON_BUFFER_H
#define RECON_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

enum { WRITTEN = 0, UNKNOWN = 1, NO_MEMORY = -1 };

static inline int put(Buffer *out, const void *bytes, size_t size)
{
    if (buffer_reserve(out, size) < 0)
        return NO_MEMORY;
    if (size)
        memcpy(out->at + out->used, bytes, size);
    out->used += size;
    return WRITTEN;
}

/* Numbers as the network has them. */

static inline void put16(char *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, 2);
}

static inline void put32(char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
}

static inline void put64(char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

/* How a reading ended; native.py has the same numbers. */
enum { MORE = 0, DONE = 1, ODD = 2, FAILED = 3, DRY = 4 };

#endif
