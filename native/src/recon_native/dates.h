/* Dates and times by the rules of temporal.py, as Postgres counts them. */
#ifndef RECON_DATES_H
#define RECON_DATES_H

#include <stdint.h>

static const int64_t DAY_US = INT64_C(86400000000);
static const int64_t UNIX_TO_2000_US = INT64_C(946684800000000);
static const int64_t TO_2000_DAYS = 730119; /* of 2000-01-01 since 0001-01-01 */

static inline int digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline int two(const char *at)
{
    return digit(at[0]) && digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1;
}

/* YYYY-MM-DD → days since 2000-01-01; 0 if it is no day. */
static inline int read_day(const char *at, int64_t *days)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int century = two(at), rest = two(at + 2), month, day;
    if (century < 0 || rest < 0 || at[4] != '-' || at[7] != '-')
        return 0;
    int year = century * 100 + rest;
    month = two(at + 5);
    day = two(at + 8);
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return 0;
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap))
        return 0;
    int64_t past = year - 1;
    *days = past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + (month > 2 && leap) + day - 1
            - TO_2000_DAYS;
    return 1;
}

/* HH:MM[:SS[.f]][Z|+HH[[:]MM]] → microseconds, and the offset; 0 if it is none, or finer than microseconds. */
static inline int read_clock(const char *at, int size, int64_t *micros, int *aware, int64_t *offset)
{
    const char *end = at + size;
    int second = 0;
    int64_t fraction = 0;
    if (size < 5 || at[2] != ':')
        return 0;
    int hour = two(at), minute = two(at + 3);
    if (hour < 0 || minute < 0 || hour > 23 || minute > 59)
        return 0;
    at += 5;
    if (end - at >= 3 && *at == ':') {
        second = two(at + 1);
        if (second < 0 || second > 59)
            return 0;
        at += 3;
        if (at < end && *at == '.') {
            int64_t worth = 100000;
            if (++at == end || !digit(*at))
                return 0;
            for (; at < end && digit(*at); at++) {
                if (worth == 0 && *at != '0')
                    return 0;
                fraction += (*at - '0') * worth;
                worth /= 10;
            }
        }
    }
    *micros = ((int64_t)(hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    *aware = at < end;
    *offset = 0;
    if (at == end)
        return 1;
    if (*at == 'Z')
        return end - at == 1;
    if (*at != '+' && *at != '-')
        return 0;
    int minus = *at++ == '-', hours, minutes = 0;
    if (end - at < 2 || (hours = two(at)) < 0)
        return 0;
    at += 2;
    if (at < end) {
        if (*at == ':')
            at++;
        if (end - at != 2 || (minutes = two(at)) < 0)
            return 0;
    }
    *offset = (int64_t)(hours * 60 + minutes) * 60000000 * (minus ? -1 : 1);
    return 1;
}

/* A date alone or with a time; `with_offset` says whether there has to be an offset, or must be none. */
static inline int read_stamp(const char *at, int size, int with_offset, int64_t *micros)
{
    int64_t days, clock = 0, offset = 0;
    int aware = 0;
    if (size < 10 || !read_day(at, &days))
        return 0;
    if (size > 10) {
        if (at[10] != ' ' && at[10] != 'T')
            return 0;
        if (!read_clock(at + 11, size - 11, &clock, &aware, &offset))
            return 0;
    }
    if (aware != with_offset)
        return 0;
    *micros = days * DAY_US + clock - offset;
    return 1;
}

#endif
