/* The account of a run: each answer's deltas are told apart by their number, and late ones by their stamp. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "shared.h"

#include <ctype.h>

/* What an answer starts with must not be held back, as Nagle's algorithm does with a second small write. */
#define EARLY_DELTAS 3
#define STEP_NS (5 * BILLION / 1000)

struct times {
    int64_t *at;
    size_t size, room;
};

struct account {
    long deltas_wanted; /* of each answer */
    long answers, complete, deltas, lost, doubled, out_of_order, errors, steps;
    int64_t busy_ns;
    struct times first, added, whole, early;
    char first_error[256];
};

/* One answer while it arrives. Its text is read a character at a time, so deltas may be cut anywhere. */
struct answer {
    int64_t asked_ns, first_ns, early_ns;
    bool *seen; /* by number */
    long highest, distinct;
    enum { BEFORE, NUMBER, STAMP } state;
    int64_t number, stamp;
    bool live; /* whether the text comes as it is made, so that its stamps tell how late it is */
    bool spoilt, finished, done;
};

static inline void add_time(struct times *times, int64_t ns)
{
    if (times->size == times->room) {
        times->room = times->room ? 2 * times->room : 4096;
        times->at = realloc(times->at, times->room * sizeof *times->at);
        if (!times->at)
            fail("realloc");
    }
    times->at[times->size++] = ns;
}

/* Counts an error; the text of the first one is kept, as far as JSON needs no escapes for it. */
__attribute__((format(printf, 2, 3))) static inline void complain(struct account *account, const char *format, ...)
{
    if (account->errors++)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(account->first_error, sizeof account->first_error, format, arguments);
    va_end(arguments);
    for (char *at = account->first_error; *at; at++) {
        if (*at == '"' || *at == '\\')
            *at = '\'';
        else if (!isprint((unsigned char)*at))
            *at = ' ';
    }
}

static inline void begin_answer(struct account *account, struct answer *answer)
{
    bool *seen = answer->seen ? answer->seen : malloc((size_t)account->deltas_wanted + 1);
    if (!seen)
        fail("malloc");
    memset(seen, 0, (size_t)account->deltas_wanted + 1);
    *answer = (struct answer){.asked_ns = now_ns(), .seen = seen, .highest = -1, .live = true};
}

static inline void count_delta(struct account *account, struct answer *answer, int64_t now)
{
    int64_t number = answer->number, added = now - answer->stamp;
    account->deltas++;
    if (number >= account->deltas_wanted) {
        answer->spoilt = true;
        complain(account, "delta %" PRId64 " of an answer of %ld", number, account->deltas_wanted);
        return;
    }
    answer->spoilt |= answer->seen[number] || number < answer->highest;
    if (answer->seen[number])
        account->doubled++;
    else if (number < answer->highest)
        account->out_of_order++;
    answer->distinct += !answer->seen[number];
    answer->seen[number] = true;
    if (number > answer->highest)
        answer->highest = (long)number;
    if (!answer->live)
        return;
    add_time(&account->added, added);
    if (number < EARLY_DELTAS && added > answer->early_ns)
        answer->early_ns = added;
}

/* A character of the text of an answer, which is `w<number>@<stamp> ` again and again and nothing else. */
static inline void take_character(struct account *account, struct answer *answer, char character, int64_t now)
{
    bool digit = character >= '0' && character <= '9';
    if (answer->state == BEFORE && character == 'w') {
        answer->state = NUMBER;
        answer->number = answer->stamp = 0;
    } else if (answer->state == NUMBER && digit && answer->number < 1000000) {
        answer->number = 10 * answer->number + (character - '0');
    } else if (answer->state == NUMBER && character == '@') {
        answer->state = STAMP;
    } else if (answer->state == STAMP && digit && answer->stamp < INT64_MAX / 100) {
        answer->stamp = 10 * answer->stamp + (character - '0');
    } else if (answer->state == STAMP && character == ' ') {
        answer->state = BEFORE;
        count_delta(account, answer, now);
    } else if (!answer->spoilt) {
        answer->spoilt = true;
        complain(account, "text that no delta has: '%c' after delta %ld", character, answer->highest);
    }
}

static inline void take_text(struct account *account, struct answer *answer, const char *text, size_t size, int64_t now)
{
    if (size && !answer->first_ns)
        answer->first_ns = now;
    for (size_t place = 0; place < size; place++)
        take_character(account, answer, text[place], now);
}

static inline void end_answer(struct account *account, struct answer *answer)
{
    int64_t now = now_ns();
    long lost = account->deltas_wanted - answer->distinct;
    account->answers++;
    account->lost += lost;
    account->busy_ns += now - answer->asked_ns;
    add_time(&account->whole, now - answer->asked_ns);
    add_time(&account->first, (answer->first_ns ? answer->first_ns : now) - answer->asked_ns);
    if (lost)
        complain(account, "an answer came with %ld of %ld deltas", answer->distinct, account->deltas_wanted);
    bool ended = answer->finished && (answer->done || !answer->live);
    account->complete += ended && !lost && !answer->spoilt;
    if (!ended)
        complain(account, "an answer ended without %s", answer->finished ? "[DONE]" : "a finish reason");
    if (answer->live) {
        add_time(&account->early, answer->early_ns);
        account->steps += answer->early_ns > STEP_NS;
    }
}

/* -- the result ------------------------------------------------------------------------------------------------- */

static inline int by_size(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;
    return (difference > 0) - (difference < 0);
}

static inline void print_times(const char *name, struct times *times)
{
    if (!times->size) {
        printf(", \"%s\": null", name);
        return;
    }
    qsort(times->at, times->size, sizeof *times->at, by_size);
    double p50 = (double)times->at[times->size / 2], p99 = (double)times->at[times->size * 99 / 100];
    printf(", \"%s\": [%.3f, %.3f, %.3f]", name, p50 / 1e6, p99 / 1e6, (double)times->at[times->size - 1] / 1e6);
}

/* One line of JSON. Times are milliseconds: the median, the 99th percentile, the longest. */
static inline void print_account(struct account *account, int64_t pause_ns)
{
    double offered = (double)(account->answers * account->deltas_wanted) * (double)pause_ns;
    printf("{\"answers\": %ld, \"complete\": %ld, \"deltas\": %ld, \"expected\": %ld", account->answers, account->complete,
           account->deltas, account->answers * account->deltas_wanted);
    printf(", \"lost\": %ld, \"doubled\": %ld, \"out_of_order\": %ld", account->lost, account->doubled, account->out_of_order);
    printf(", \"delivered\": %.4f, \"early_steps\": %ld", account->busy_ns ? offered / (double)account->busy_ns : 0, account->steps);
    print_times("first_ms", &account->first);
    print_times("added_ms", &account->added);
    print_times("early_ms", &account->early);
    print_times("whole_ms", &account->whole);
    printf(", \"errors\": %ld, \"first_error\": \"%s\"}\n", account->errors, account->first_error);
}

#endif
