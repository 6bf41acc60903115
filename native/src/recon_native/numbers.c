/* The digits are found as in R. Giulietti, "The Schubfach way to render doubles" (2021): of all decimals that read back
 * to the float the shortest, and of those the nearest. Reading multiplies by the same powers, and asks the C library
 * where the bits that fall away are too near to a half to tell.
 */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 Wide;
typedef struct {
    uint64_t high, low;
} Power;

enum { LEAST = -292, GREATEST = 324, POWERS = GREATEST - LEAST + 1 };
static Power powers[POWERS];

int numbers_take_powers(const char *bytes, size_t size, int least)
{
    if (size != sizeof powers || least != LEAST)
        return -1;
    memcpy(powers, bytes, size);
    return 0;
}

/* floor(log10(2^e)), floor(log10(3/4 · 2^e)), floor(log2(10^e)), for every e that occurs. */
static inline int log10_of_2(int e)
{
    return (e * 1262611) >> 22;
}

static inline int log10_of_2_less(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

static inline int log2_of_10(int e)
{
    return (e * 1741647) >> 19;
}

/* The product's upper bits, the last of them set if anything is left below: it tells "more than" from "equal". */
static inline uint64_t scaled(Power power, uint64_t by)
{
    Wide low = (Wide)power.low * by;
    Wide high = (Wide)power.high * by + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* value = digits · 10^exponent; of a positive, finite float. */
static uint64_t shortest(uint64_t bits, int *exponent)
{
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1), whole = fraction;
    int biased = (int)(bits >> 52) & 0x7ff, q = -1074;
    if (biased) {
        whole |= UINT64_C(1) << 52;
        q = biased - 1075;
    }
    int even = !(whole & 1), closer = fraction == 0 && biased > 1;
    int k = closer ? log10_of_2_less(q) : log10_of_2(q);
    int shift = q + log2_of_10(-k) + 1;
    Power power = powers[-k - LEAST];
    uint64_t below = scaled(power, (4 * whole - 2 + closer) << shift) + !even;
    uint64_t exact = scaled(power, (4 * whole) << shift);
    uint64_t above = scaled(power, (4 * whole + 2) << shift) - !even;
    uint64_t digits = exact / 4;
    if (digits >= 10) {
        uint64_t fewer = digits / 10;
        int down = below <= 40 * fewer, up = 40 * fewer + 40 <= above;
        if (down != up) {
            *exponent = k + 1;
            return fewer + up;
        }
    }
    *exponent = k;
    int down = below <= 4 * digits, up = 4 * digits + 4 <= above;
    if (down != up)
        return digits + up;
    uint64_t middle = 4 * digits + 2;
    return digits + (exact > middle || (exact == middle && (digits & 1)));
}

static size_t write_digits(char *at, uint64_t value)
{
    char back[20];
    size_t size = 0;
    do {
        back[size++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t place = 0; place < size; place++)
        at[place] = back[size - 1 - place];
    return size;
}

size_t write_integer(char *at, int64_t value)
{
    if (value >= 0)
        return write_digits(at, (uint64_t)value);
    *at = '-';
    return 1 + write_digits(at + 1, 0 - (uint64_t)value);
}

size_t write_float(char *at, double value)
{
    char *began = at;
    char digits[20];
    uint64_t bits;
    int exponent;
    memcpy(&bits, &value, 8);
    if (bits >> 63)
        *at++ = '-';
    bits &= ~(UINT64_C(1) << 63);
    if (bits == 0) {
        memcpy(at, "0.0", 3);
        return (size_t)(at + 3 - began);
    }
    uint64_t number = shortest(bits, &exponent);
    while (number % 10 == 0) {
        number /= 10;
        exponent++;
    }
    int size = (int)write_digits(digits, number), point = size + exponent; /* where the point stands in the digits */
    if (exponent >= 0 && point <= 16) {
        memcpy(at, digits, (size_t)size);
        memset(at + size, '0', (size_t)exponent);
        at += size + exponent;
        *at++ = '.';
        *at++ = '0';
    } else if (point > 0 && point <= 16) {
        memcpy(at, digits, (size_t)point);
        at[point] = '.';
        memcpy(at + point + 1, digits + point, (size_t)(size - point));
        at += size + 1;
    } else if (point > -5 && point <= 0) {
        memcpy(at, "0.", 2);
        memset(at + 2, '0', (size_t)-point);
        memcpy(at + 2 - point, digits, (size_t)size);
        at += 2 - point + size;
    } else {
        *at++ = digits[0];
        if (size > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)(size - 1));
            at += size - 1;
        }
        *at++ = 'e';
        if (point > 1)
            *at++ = '+';
        at += write_integer(at, point - 1);
    }
    return (size_t)(at - began);
}

/* digits · 10^exponent as the nearest float; 0 where it takes more than this to know. */
static int nearest(uint64_t digits, int exponent, double *found)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
        *found = exponent < 0 ? (double)digits / exact[-exponent] : (double)digits * exact[exponent];
        return 1;
    }
    if (digits == 0 || exponent < LEAST || exponent > 308)
        return 0;
    int lead = __builtin_clzll(digits);
    Power power = powers[exponent - LEAST];
    Wide low = (Wide)power.low * (digits << lead);
    Wide product = (Wide)power.high * (digits << lead) + (uint64_t)(low >> 64);
    /* It is the value times a power of two, too large by 2 at most, and has 127 or 128 bits. */
    int length = 127 + (int)(product >> 127), away = length - 53;
    Wide rest = product & (((Wide)1 << away) - 1), half = (Wide)1 << (away - 1);
    if (rest + 4 >= half && rest <= half + 4)
        return 0;
    uint64_t kept = (uint64_t)(product >> away) + (rest > half);
    int power_of_two = away + log2_of_10(exponent) - 127 + 64 - lead;
    if (kept >> 53) {
        kept >>= 1;
        power_of_two++;
    }
    int biased = power_of_two + 1075;
    if (biased < 1 || biased > 2046)
        return 0;
    uint64_t bits = ((uint64_t)biased << 52) | (kept & ((UINT64_C(1) << 52) - 1));
    memcpy(found, &bits, 8);
    return 1;
}

static inline int digit(char c)
{
    return c >= '0' && c <= '9';
}

int read_number(const char *at, const char *end, const char **after, int64_t *integer, double *real)
{
    const char *began = at;
    int minus = at < end && *at == '-', shift = 0, power = 0, size = 0, is_float = 0;
    uint64_t digits = 0;
    at += minus;
    if (at == end || !digit(*at) || (*at == '0' && at + 1 < end && digit(at[1])))
        return NUMBER_ODD;
    for (; at < end && digit(*at); at++) {
        digits = digits * 10 + (uint64_t)(*at - '0');
        size += size || *at != '0';
        if (size > 19)
            return NUMBER_ODD;
    }
    if (at < end && *at == '.') {
        is_float = 1;
        if (++at == end || !digit(*at))
            return NUMBER_ODD;
        for (; at < end && digit(*at); at++) {
            digits = digits * 10 + (uint64_t)(*at - '0');
            size += size || *at != '0';
            if (size > 19 || --shift < -400)
                return NUMBER_ODD;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        is_float = 1;
        int below = ++at < end && *at == '-';
        at += at < end && (*at == '-' || *at == '+');
        if (at == end || !digit(*at))
            return NUMBER_ODD;
        for (; at < end && digit(*at); at++) {
            power = power * 10 + (*at - '0');
            if (power > 400)
                return NUMBER_ODD;
        }
        power = below ? -power : power;
    }
    *after = at;
    if (!is_float) {
        if (digits > (uint64_t)INT64_MAX + (uint64_t)minus || (minus && digits == 0))
            return NUMBER_ODD;
        *integer = minus ? (int64_t)(0 - digits) : (int64_t)digits;
        return NUMBER_INTEGER;
    }
    if (nearest(digits, shift + power, real)) {
        *real = minus ? -*real : *real;
        return NUMBER_FLOAT;
    }
    char *stopped;
    *real = strtod(began, &stopped);
    int beyond = *real - *real != 0.0; /* infinite: too large for a float */
    return stopped == at && !beyond ? NUMBER_FLOAT : NUMBER_ODD; /* another locale's point stops it */
}
