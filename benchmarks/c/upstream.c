/* A fake upstream that costs little, so that what is measured is the gateway: chat.qwen.ai and an engine in one.
 *
 *     upstream MODELS      serves on a free port, which goes to standard output; MODELS is a file: the site's models
 *
 * The prompt says what is answered: `n=50 us=20000` is 50 deltas, one every 20 ms, each in a write of its own;
 * with `us=0` the whole answer is one write. A delta reads `w<sequence>@<CLOCK_MONOTONIC in ns> `, so loss, order
 * and added latency are exact. The site's events have the form of the browser's own traffic, Sep 2026; the engine's
 * that of vLLM. GET /counts tells the chats opened and removed, and the streams that are open; the site has no such route.
 */
#include "shared.h"

#include "events.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define MOST_PEERS 8192
#define STREAM_HEAD \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n" \
    "x-actual-status-code: 200\r\nTransfer-Encoding: chunked\r\n\r\n"
#define DONE "{\"success\":true,\"request_id\":\"r1\",\"data\":{\"status\":true}}"
#define ENGINE_MODELS \
    "{\"object\":\"list\",\"data\":[{\"id\":\"qwen-max\",\"object\":\"model\",\"created\":1,\"owned_by\":\"vllm\"}]}"

/* A connection, and the answer that is being given on it. */
struct peer {
    int fd;
    struct bytes in, out;
    bool answering;
    struct answer answer;
    int64_t pause_ns, due_ns;
};

struct upstream {
    int poll, timer, listener;
    struct peer *peers[MOST_PEERS];     /* by descriptor */
    struct peer *answering[MOST_PEERS]; /* those that have deltas to come, in no order */
    size_t streams;
    long opened, removed;
    struct bytes models;
    struct bytes scratch;
};

/* -- writing ------------------------------------------------------------------------------------------------- */

static void want(struct upstream *up, struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = peer->fd};
    epoll_ctl(up->poll, EPOLL_CTL_MOD, peer->fd, &event);
}

/* One write; what a slow reader does not take at once waits in memory. */
static void say(struct upstream *up, struct peer *peer, const struct bytes *bytes)
{
    ssize_t gone = 0;
    if (!peer->out.size) {
        gone = send(peer->fd, bytes->at, bytes->size, MSG_NOSIGNAL);
        if (gone < 0)
            gone = errno == EAGAIN ? 0 : (ssize_t)bytes->size; /* a peer that hung up is met when it is read */
        if ((size_t)gone == bytes->size)
            return;
    }
    put(&peer->out, bytes->at + gone, bytes->size - (size_t)gone);
    want(up, peer, EPOLLIN | EPOLLOUT);
}

static void say_the_rest(struct upstream *up, struct peer *peer)
{
    ssize_t gone = send(peer->fd, peer->out.at, peer->out.size, MSG_NOSIGNAL);
    if (gone > 0)
        drop(&peer->out, (size_t)gone);
    if (!peer->out.size)
        want(up, peer, EPOLLIN);
}

static void reply(struct upstream *up, struct peer *peer, const char *body, size_t size)
{
    up->scratch.size = 0;
    putf(&up->scratch,
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-actual-status-code: 200\r\nContent-Length: %zu\r\n\r\n", size);
    put(&up->scratch, body, size);
    say(up, peer, &up->scratch);
}

static void reply_text(struct upstream *up, struct peer *peer, const char *body)
{
    reply(up, peer, body, strlen(body));
}

/* `events` as one chunk of HTTP/1.1, and in one write. */
static void say_chunk(struct upstream *up, struct peer *peer, const struct bytes *events, const char *before, const char *after)
{
    up->scratch.size = 0;
    putf(&up->scratch, "%s%zx\r\n", before, events->size);
    put(&up->scratch, events->at, events->size);
    putf(&up->scratch, "\r\n%s", after);
    say(up, peer, &up->scratch);
}

/* -- answering -------------------------------------------------------------------------------------------------- */

/* What the prompt asks for; one delta at once if it says nothing. */
static void read_prompt(struct peer *peer, enum face face, const char *body)
{
    long count = 1, pause_us = 0;
    for (const char *at = strstr(body, "n="); at; at = strstr(at + 1, "n="))
        if (sscanf(at, "n=%ld us=%ld", &count, &pause_us) == 2)
            break;
    peer->pause_ns = pause_us * 1000;
    peer->answer = (struct answer){.face = face, .with_usage = strstr(body, "include_usage") != NULL, .count = count};
}

static void stream_at_once(struct upstream *up, struct peer *peer)
{
    struct bytes events = {0};
    put_start(&events, &peer->answer, up->opened);
    while (peer->answer.next < peer->answer.count)
        put_delta(&events, &peer->answer);
    put_end(&events, &peer->answer);
    say_chunk(up, peer, &events, STREAM_HEAD, "0\r\n\r\n");
    free(events.at);
}

static void stream_slowly(struct upstream *up, struct peer *peer)
{
    struct bytes events = {0};
    put_start(&events, &peer->answer, up->opened);
    say_chunk(up, peer, &events, STREAM_HEAD, "");
    free(events.at);
    peer->answering = true;
    peer->due_ns = now_ns();
    up->answering[up->streams++] = peer;
}

static void answer_whole(struct upstream *up, struct peer *peer)
{
    struct bytes body = {0};
    put_completion(&body, &peer->answer);
    reply(up, peer, body.at, body.size);
    free(body.at);
}

static void complete(struct upstream *up, struct peer *peer, enum face face, const char *body)
{
    read_prompt(peer, face, body);
    if (face == ENGINE && !strstr(body, "\"stream\":true") && !strstr(body, "\"stream\": true"))
        answer_whole(up, peer);
    else if (peer->pause_ns)
        stream_slowly(up, peer);
    else
        stream_at_once(up, peer);
}

static void quit_answering(struct upstream *up, struct peer *peer)
{
    peer->answering = false;
    for (size_t place = 0; place < up->streams; place++)
        if (up->answering[place] == peer)
            up->answering[place] = up->answering[--up->streams];
}

/* The deltas of one answer that are due, each in a write of its own; then the end, a pause after the last. */
static void go_on(struct upstream *up, struct peer *peer, int64_t now)
{
    struct bytes *events = &(struct bytes){0};
    while (peer->answering && peer->due_ns <= now) {
        events->size = 0;
        bool over = peer->answer.next == peer->answer.count;
        if (over)
            put_end(events, &peer->answer);
        else
            put_delta(events, &peer->answer);
        say_chunk(up, peer, events, "", over ? "0\r\n\r\n" : "");
        peer->due_ns += peer->pause_ns;
        if (over)
            quit_answering(up, peer);
    }
    free(events->at);
}

/* All that is due by now; then the timer is set to what comes next. */
static void go_on_all(struct upstream *up)
{
    int64_t now = now_ns(), next = INT64_MAX;
    for (size_t place = up->streams; place-- > 0;)
        go_on(up, up->answering[place], now);
    for (size_t place = 0; place < up->streams; place++)
        if (up->answering[place]->due_ns < next)
            next = up->answering[place]->due_ns;
    if (up->streams)
        wake_at(up->timer, next);
}

/* -- requests --------------------------------------------------------------------------------------------------- */

static void counts(struct upstream *up, struct peer *peer)
{
    char body[128];
    snprintf(body, sizeof body, "{\"opened\":%ld,\"removed\":%ld,\"streams\":%zu}", up->opened, up->removed, up->streams);
    reply_text(up, peer, body);
}

static void open_chat(struct upstream *up, struct peer *peer)
{
    char body[128];
    snprintf(body, sizeof body, "{\"success\":true,\"request_id\":\"r1\",\"data\":{\"id\":\"c0000000-0000-4000-8000-%012lx\"}}",
             ++up->opened);
    reply_text(up, peer, body);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void route(struct upstream *up, struct peer *peer, const char *head, const char *body)
{
    if (begins(head, "POST /v1/chat/completions")) {
        complete(up, peer, ENGINE, body);
    } else if (begins(head, "POST /api/v2/chat/completions/stop")) {
        reply_text(up, peer, DONE);
    } else if (begins(head, "POST /api/v2/chat/completions")) {
        complete(up, peer, SITE, body);
    } else if (begins(head, "POST /api/v2/chats/new")) {
        open_chat(up, peer);
    } else if (begins(head, "DELETE /api/v2/chats/")) {
        up->removed++;
        reply_text(up, peer, DONE);
    } else if (begins(head, "GET /api/models")) {
        reply(up, peer, up->models.at, up->models.size);
    } else if (begins(head, "GET /v1/models")) {
        reply_text(up, peer, ENGINE_MODELS);
    } else if (begins(head, "GET /counts")) {
        counts(up, peer);
    } else {
        reply_text(up, peer, "{\"success\":false,\"request_id\":\"r1\",\"data\":{\"code\":\"Not_Found\",\"details\":\"unknown\"}}");
    }
}

/* Answers the request at the front if all of it is there; the next one waits for the end of its answer. */
static bool next_request(struct upstream *up, struct peer *peer)
{
    char *end = peer->in.size && !peer->answering ? strstr(peer->in.at, "\r\n\r\n") : NULL;
    if (!end)
        return false;
    char *body = end + 4;
    end[2] = 0;
    const char *length = header(peer->in.at, "\r\ncontent-length:");
    size_t size = length ? strtoul(length, NULL, 10) : 0, head = (size_t)(body - peer->in.at);
    if (peer->in.size < head + size) {
        end[2] = '\r';
        return false;
    }
    char after = body[size];
    body[size] = 0;
    route(up, peer, peer->in.at, body);
    body[size] = after;
    drop(&peer->in, head + size);
    return true;
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static void hang_up(struct upstream *up, struct peer *peer)
{
    quit_answering(up, peer);
    up->peers[peer->fd] = NULL;
    close(peer->fd);
    free(peer->in.at);
    free(peer->out.at);
    free(peer);
}

static void welcome(struct upstream *up)
{
    int fd;
    while ((fd = accept4(up->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST_PEERS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        up->peers[fd] = calloc(1, sizeof(struct peer));
        if (!up->peers[fd])
            fail("calloc");
        up->peers[fd]->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(up->poll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void meet(struct upstream *up, int fd, uint32_t events)
{
    struct peer *peer = up->peers[fd];
    if (!peer)
        return;
    if (events & EPOLLOUT)
        say_the_rest(up, peer);
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t size = take(fd, &peer->in);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        hang_up(up, peer);
        return;
    }
    while (next_request(up, peer))
        ;
}

static void watch(struct upstream *up, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(up->poll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void listen_anywhere(struct upstream *up)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    up->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(up->listener, (struct sockaddr *)&address, size) || listen(up->listener, 4096) ||
        getsockname(up->listener, (struct sockaddr *)&address, &size))
        fail("listen");
    printf("upstream %d\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void serve(struct upstream *up)
{
    struct epoll_event events[256];
    for (;;) {
        int many = epoll_wait(up->poll, events, 256, -1);
        for (int place = 0; place < many; place++) {
            uint64_t expired;
            if (events[place].data.fd == up->listener)
                welcome(up);
            else if (events[place].data.fd == up->timer)
                (void)!read(up->timer, &expired, sizeof expired);
            else
                meet(up, events[place].data.fd, events[place].events);
        }
        go_on_all(up);
    }
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: upstream MODELS\n");
        return 2;
    }
    static struct upstream up;
    int file = open(arguments[1], O_RDONLY);
    if (file < 0)
        fail(arguments[1]);
    while (take(file, &up.models) > 0)
        ;
    prctl(PR_SET_TIMERSLACK, 1UL);
    up.poll = epoll_create1(0);
    up.timer = new_timer();
    listen_anywhere(&up);
    watch(&up, up.listener);
    watch(&up, up.timer);
    serve(&up);
}
