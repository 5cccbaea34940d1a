/* What an answer is made of: the events of the site, and those of an engine. */
#ifndef EVENTS_H
#define EVENTS_H

#include "shared.h"

#define ANSWER "b0000000-0000-4000-8000-000000000001"
#define ENGINE_HEAD "\"id\":\"chatcmpl-1\",\"object\":\"%s\",\"created\":1790356323,\"model\":\"qwen-max\",\"choices\":[{\"index\":0,"

enum face { SITE, ENGINE };

/* What was asked for, and how far it is: `next` is the number of the next of `count` deltas. */
struct answer {
    enum face face;
    bool with_usage;
    long count, next;
};

static inline void put_site_event(struct bytes *out, const char *content, long tokens)
{
    putf(out,
         "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"%s\", \"phase\": \"answer\", "
         "\"status\": \"typing\"}}], \"response_id\": \"" ANSWER "\", \"usage\": {\"input_tokens\": 1011, "
         "\"output_tokens\": %ld, \"characters\": 0, \"total_tokens\": %ld, \"input_tokens_details\": "
         "{\"text_tokens\": 1011}, \"output_tokens_details\": {\"text_tokens\": %ld}, \"prompt_tokens_details\": "
         "{\"cached_tokens\": 512}}, \"timestamp\": 1790356323}\n\n",
         content, tokens, 1011 + tokens, tokens);
}

static inline void put_engine_event(struct bytes *out, const char *delta, const char *finish)
{
    putf(out, "data: {" ENGINE_HEAD "\"delta\":{%s},\"finish_reason\":%s}]}\n\n", "chat.completion.chunk", delta, finish);
}

static inline void put_start(struct bytes *out, const struct answer *answer, long chat)
{
    if (answer->face == ENGINE)
        put_engine_event(out, "\"role\":\"assistant\",\"content\":\"\"", "null");
    else
        putf(out,
             "data: {\"response.created\":{\"chat_id\": \"c0000000-0000-4000-8000-%012lx\", \"parent_id\": "
             "\"a0000000-0000-4000-8000-000000000001\", \"response_id\":\"" ANSWER "\", \"response_index\": \"0\"}} \n\n",
             chat);
}

/* The next delta, stamped now. */
static inline void put_delta(struct bytes *out, struct answer *answer)
{
    char stamped[64], delta[96];
    snprintf(stamped, sizeof stamped, "w%ld@%" PRId64 " ", answer->next, now_ns());
    answer->next++;
    if (answer->face == SITE) {
        put_site_event(out, stamped, answer->next);
        return;
    }
    snprintf(delta, sizeof delta, "\"content\":\"%s\"", stamped);
    put_engine_event(out, delta, "null");
}

/* What follows the last delta: of the site two empty ones and the end of the phase, of an engine the finish. */
static inline void put_end(struct bytes *out, const struct answer *answer)
{
    if (answer->face == SITE) {
        put_site_event(out, "", answer->count);
        put_site_event(out, "", answer->count);
        putf(out, "data: {\"choices\": [{\"delta\": {\"content\": \"\", \"role\": \"assistant\", \"status\": \"finished\", "
                  "\"phase\": \"answer\"}}], \"response_id\": \"" ANSWER "\"}\n\n");
        return;
    }
    put_engine_event(out, "", "\"stop\"");
    if (answer->with_usage)
        putf(out, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790356323,\"model\":"
                  "\"qwen-max\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":%ld,\"total_tokens\":%ld}}\n\n",
             answer->count, 11 + answer->count);
    putf(out, "data: [DONE]\n\n");
}

/* All of it as one object, which only an engine gives. */
static inline void put_completion(struct bytes *out, struct answer *answer)
{
    putf(out, "{" ENGINE_HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"", "chat.completion");
    for (; answer->next < answer->count; answer->next++)
        putf(out, "w%ld@%" PRId64 " ", answer->next, now_ns());
    putf(out, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":%ld,\"total_tokens\":%ld}}",
         answer->count, 11 + answer->count);
}

#endif
