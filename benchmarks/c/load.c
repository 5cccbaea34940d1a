/* The load: clients that each ask over a connection of their own, again and again, and check what comes.
 *
 *     load PORT CLIENTS SECONDS SPREAD_US DELTAS PAUSE_US < REQUEST
 *
 * REQUEST is an HTTP request as it is sent. Its answer is a stream of OpenAI's chunks or a whole completion, of
 * DELTAS deltas as benchmarks/c/upstream.c makes them, one every PAUSE_US. A client asks at least once, and anew
 * while SECONDS are not over. The clients begin evenly spread over SPREAD_US, so that nothing is in step.
 * The result is one line of JSON.
 */
#include "shared.h"

#include "account.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define PATIENCE_NS (60 * BILLION)

/* A connection and the response on it: HTTP/1.1 with a length, in chunks, or until the end. */
struct client {
    int fd;
    int64_t begins_ns;
    bool asking;
    struct bytes raw, body;
    enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK, UNTIL_CLOSE } part;
    size_t left;
    int status;
    bool chunked, events;
    struct answer answer;
};

struct load {
    int poll, timer, port;
    size_t many, begun, over;
    int64_t until_ns;
    struct client *clients;
    struct bytes request;
    struct account account;
};

/* -- what is in a body ------------------------------------------------------------------------------------------ */

/* What follows `key` and a colon in JSON, as it is written; NULL without it. */
static const char *value_of(const char *json, const char *key)
{
    const char *found = strstr(json, key);
    if (!found)
        return NULL;
    found += strlen(key);
    found += strspn(found, " ");
    return *found == ':' ? found + 1 + strspn(found + 1, " ") : NULL;
}

/* The texts under "content" of one JSON object; they need no unescaping, or they are no deltas. */
static void take_json(struct load *load, struct client *client, const char *json, int64_t now)
{
    const char *text = value_of(json, "\"content\"");
    while (text) {
        if (*text == '"')
            take_text(&load->account, &client->answer, text + 1, strcspn(text + 1, "\""), now);
        text = value_of(text, "\"content\"");
    }
    if (value_of(json, "\"error\""))
        complain(&load->account, "an error within an answer: %s", json);
    const char *finish = value_of(json, "\"finish_reason\"");
    if (finish && strncmp(finish, "\"stop\"", 6) == 0)
        client->answer.finished = true;
}

/* The complete lines of a body of server-sent events; what is left of them stays in the body. */
static void take_events(struct load *load, struct client *client, int64_t now)
{
    char *line = client->body.at, *end;
    while (client->body.size && (end = strchr(line, '\n'))) {
        *end = 0;
        if (strncmp(line, "data: [DONE]", 12) == 0)
            client->answer.done = true;
        else if (strncmp(line, "data: ", 6) == 0)
            take_json(load, client, line + 6, now);
        line = end + 1;
    }
    drop(&client->body, client->body.size ? (size_t)(line - client->body.at) : 0);
}

static void take_body(struct load *load, struct client *client, const char *data, size_t size, int64_t now)
{
    put(&client->body, data, size);
    if (client->events && client->status == 200)
        take_events(load, client, now);
}

/* -- the clients ------------------------------------------------------------------------------------------------ */

static void leave(struct load *load, struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->asking = false;
    load->over++;
}

static void ask(struct load *load, struct client *client)
{
    begin_answer(&load->account, &client->answer);
    empty(&client->raw);
    empty(&client->body);
    client->part = HEAD;
    client->asking = true;
    if (send(client->fd, load->request.at, load->request.size, MSG_NOSIGNAL) != (ssize_t)load->request.size) {
        complain(&load->account, "a request could not be sent: %s", strerror(errno));
        leave(load, client);
    }
}

static void begin(struct load *load, struct client *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)load->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        complain(&load->account, "no connection: %s", strerror(errno));
        leave(load, client);
        return;
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(client - load->clients)};
    epoll_ctl(load->poll, EPOLL_CTL_ADD, client->fd, &event);
    ask(load, client);
}

/* The response is complete: its account is closed, and the client asks anew if there is time. */
static void end(struct load *load, struct client *client, int64_t now)
{
    client->asking = false;
    if (client->status != 200) {
        complain(&load->account, "status %d: %s", client->status, client->body.size ? client->body.at : "");
        leave(load, client);
        return;
    }
    if (!client->events) {
        client->answer.live = false;
        take_json(load, client, client->body.at, now);
    }
    end_answer(&load->account, &client->answer);
    if (client->part == UNTIL_CLOSE || now >= load->until_ns)
        leave(load, client);
    else
        ask(load, client);
}

/* -- HTTP ------------------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return text && strncasecmp(text, with, strlen(with)) == 0;
}

static bool take_head(struct client *client)
{
    char *end = strstr(client->raw.at, "\r\n\r\n");
    if (!end)
        return false;
    end[2] = 0;
    const char *head = client->raw.at, *length = header(head, "\r\ncontent-length:");
    client->status = begins(head, "HTTP/1.1 ") ? atoi(head + 9) : 0;
    client->events = begins(header(head, "\r\ncontent-type:"), "text/event-stream");
    client->chunked = begins(header(head, "\r\ntransfer-encoding:"), "chunked");
    client->left = length ? strtoul(length, NULL, 10) : 0;
    client->part = client->chunked ? CHUNK_SIZE : length ? LENGTH : UNTIL_CLOSE;
    drop(&client->raw, (size_t)(end + 4 - head));
    return true;
}

/* The line before a chunk. The chunk of size zero is the last one: `left` is then the line after it. */
static bool take_size(struct client *client)
{
    char *end = strstr(client->raw.at, "\r\n");
    if (!end)
        return false;
    client->left = strtoul(client->raw.at, NULL, 16);
    client->part = CHUNK;
    drop(&client->raw, (size_t)(end + 2 - client->raw.at));
    return true;
}

/* A whole chunk with the line end after it. Returns whether that was one; the last one ends the response. */
static bool take_chunk(struct load *load, struct client *client, int64_t now)
{
    if (client->raw.size < client->left + 2)
        return false;
    size_t size = client->left;
    client->part = CHUNK_SIZE;
    take_body(load, client, client->raw.at, size, now);
    drop(&client->raw, size + 2);
    if (!size)
        end(load, client, now);
    return true;
}

static bool take_plain(struct load *load, struct client *client, int64_t now)
{
    size_t size = client->part == LENGTH && client->left < client->raw.size ? client->left : client->raw.size;
    take_body(load, client, client->raw.at, size, now);
    drop(&client->raw, size);
    client->left -= client->part == LENGTH ? size : 0;
    if (client->part == LENGTH && !client->left)
        end(load, client, now);
    return false;
}

/* One step through what has come; returns whether there may be another. */
static bool step(struct load *load, struct client *client, int64_t now)
{
    switch (client->part) {
    case HEAD:
        return take_head(client);
    case CHUNK_SIZE:
        return take_size(client);
    case CHUNK:
        return take_chunk(load, client, now);
    default:
        return take_plain(load, client, now);
    }
}

static void meet(struct load *load, struct client *client)
{
    ssize_t size = take(client->fd, &client->raw);
    int64_t now = now_ns();
    if (size > 0) {
        while (client->asking && step(load, client, now))
            ;
    } else if (size == 0 && client->part == UNTIL_CLOSE) {
        end(load, client, now);
    } else {
        complain(&load->account, "the server hung up within a response: %s", size ? strerror(errno) : "end of the stream");
        end_answer(&load->account, &client->answer);
        leave(load, client);
    }
}

/* -- the run ---------------------------------------------------------------------------------------------------- */

static void begin_those_due(struct load *load)
{
    while (load->begun < load->many && load->clients[load->begun].begins_ns <= now_ns())
        begin(load, &load->clients[load->begun++]);
    if (load->begun < load->many)
        wake_at(load->timer, load->clients[load->begun].begins_ns);
}

static void run(struct load *load, int64_t give_up_ns)
{
    struct epoll_event events[256];
    begin_those_due(load);
    while (load->over < load->many && now_ns() < give_up_ns) {
        int found = epoll_wait(load->poll, events, 256, 1000);
        for (int place = 0; place < found; place++) {
            uint64_t number = events[place].data.u64;
            if (number < load->many && load->clients[number].fd >= 0)
                meet(load, &load->clients[number]);
            else if (number == load->many)
                (void)!read(load->timer, &number, sizeof number);
        }
        begin_those_due(load);
    }
    if (load->over < load->many)
        complain(&load->account, "%zu clients still waited", load->many - load->over);
}

static void allow_files(size_t many)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < many + 64) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void prepare(struct load *load, int64_t spread_ns)
{
    while (take(STDIN_FILENO, &load->request) > 0)
        ;
    load->clients = calloc(load->many, sizeof *load->clients);
    if (!load->clients)
        fail("calloc");
    int64_t start = now_ns();
    for (size_t place = 0; place < load->many; place++)
        load->clients[place] = (struct client){.fd = -1, .begins_ns = start + spread_ns * (int64_t)place / (int64_t)load->many};
    load->poll = epoll_create1(0);
    load->timer = new_timer();
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = load->many};
    epoll_ctl(load->poll, EPOLL_CTL_ADD, load->timer, &event);
}

int main(int count, char **arguments)
{
    if (count != 7) {
        fprintf(stderr, "usage: load PORT CLIENTS SECONDS SPREAD_US DELTAS PAUSE_US < REQUEST\n");
        return 2;
    }
    struct load load = {.port = atoi(arguments[1]), .many = strtoul(arguments[2], NULL, 10)};
    int64_t seconds_ns = (int64_t)(atof(arguments[3]) * 1e9), spread_ns = atol(arguments[4]) * 1000;
    int64_t pause_ns = atol(arguments[6]) * 1000;
    load.account.deltas_wanted = atol(arguments[5]);
    load.until_ns = now_ns() + seconds_ns;
    prctl(PR_SET_TIMERSLACK, 1UL);
    allow_files(load.many);
    prepare(&load, spread_ns);
    run(&load, load.until_ns + spread_ns + load.account.deltas_wanted * pause_ns + PATIENCE_NS);
    print_account(&load.account, pause_ns);
    return 0;
}
