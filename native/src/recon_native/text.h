/* Cells as they stand in a line: texts, bytes, numbers. */
#ifndef RECON_TEXT_H
#define RECON_TEXT_H

#include "buffer.h"

/* How many bytes stand for themselves in a JSON string: no quote, backslash, control character or broken UTF-8. */
size_t plain(const unsigned char *began, const unsigned char *end);

/* Each gives WRITTEN, NO_MEMORY, or UNKNOWN of a text that is not UTF-8. */
int write_text(Buffer *out, const char *text, size_t size);
int write_blob(Buffer *out, const unsigned char *bytes, size_t size);
int write_real(Buffer *out, double value);
int write_whole(Buffer *out, int64_t value);

/* Base64 up to the first character that is no letter, into as many bytes of `out`; how many, -1 if they are not written
 * as `write_blob` does. */
int64_t read_blob(const unsigned char *at, const unsigned char *end, const unsigned char **after, char *out);

#endif
