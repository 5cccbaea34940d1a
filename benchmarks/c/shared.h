/* What both programs need: the clock, a timer, bytes that grow, and a loud end. Included before anything else. */
#ifndef SHARED_H
#define SHARED_H

#define _GNU_SOURCE

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BILLION INT64_C(1000000000)

static inline void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* CLOCK_MONOTONIC, which all processes of a machine share. */
static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * BILLION + now.tv_nsec;
}

/* A descriptor that is readable from the time on that `wake_at` names: waits of epoll itself are whole milliseconds. */
static inline int new_timer(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (timer < 0)
        fail("timerfd_create");
    return timer;
}

static inline void wake_at(int timer, int64_t when_ns)
{
    struct itimerspec once = {.it_value = {when_ns / BILLION, when_ns % BILLION}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &once, NULL);
}

struct bytes {
    char *at; /* always ends with a zero that is not counted, so that string functions stay inside */
    size_t size, room;
};

static inline void reserve(struct bytes *bytes, size_t more)
{
    if (bytes->size + more + 1 <= bytes->room)
        return;
    bytes->room = 2 * (bytes->size + more + 1);
    bytes->at = realloc(bytes->at, bytes->room);
    if (!bytes->at)
        fail("realloc");
}

static inline void put(struct bytes *bytes, const char *data, size_t size)
{
    reserve(bytes, size);
    memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
    bytes->at[bytes->size] = 0;
}

static inline void drop(struct bytes *bytes, size_t size)
{
    if (!size)
        return;
    bytes->size -= size;
    memmove(bytes->at, bytes->at + size, bytes->size + 1);
}

static inline void empty(struct bytes *bytes)
{
    reserve(bytes, 0);
    bytes->at[bytes->size = 0] = 0;
}

__attribute__((format(printf, 2, 3))) static inline void putf(struct bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[2048];
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof text)
        fail("vsnprintf");
    put(bytes, text, (size_t)size);
}

/* What one read gives is added to `bytes`; returns as read(2) does, -1 with EAGAIN for nothing yet. */
static inline ssize_t take(int fd, struct bytes *bytes)
{
    reserve(bytes, 65536);
    ssize_t size = read(fd, bytes->at + bytes->size, 65536);
    if (size > 0)
        bytes->size += (size_t)size;
    bytes->at[bytes->size] = 0;
    return size;
}

/* The value of a header in `head`, which ends with a zero; NULL without it. `name` is as in "\r\ncontent-length:". */
static inline const char *header(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) + strspn(found + strlen(name), " ") : NULL;
}

#endif
