#include "text.h"

#include "numbers.h"

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

size_t plain(const unsigned char *began, const unsigned char *end)
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

int write_text(Buffer *out, const char *text, size_t size)
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

int write_blob(Buffer *out, const unsigned char *bytes, size_t size)
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

int64_t read_blob(const unsigned char *at, const unsigned char *end, const unsigned char **after, char *out)
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

int write_real(Buffer *out, double value)
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

int write_whole(Buffer *out, int64_t value)
{
    if (buffer_reserve(out, LONGEST_NUMBER) < 0)
        return NO_MEMORY;
    out->used += write_integer(out->at + out->used, value);
    return WRITTEN;
}
