// What the official Node client makes of the REST door, as one JSON object on standard output.
import OpenAI, { APIError, NotFoundError } from "openai";

const client = new OpenAI(); // OPENAI_BASE_URL and OPENAI_API_KEY
const messages = [{ role: "user", content: "Hello from Node" }];

const failure = async (work) => {
  try {
    await work();
  } catch (error) {
    const { status, code, param, type } = error;
    return { isNotFound: error instanceof NotFoundError, isApiError: error instanceof APIError, status, code, param, type };
  }
  return "no failure";
};

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);

const whole = await client.chat.completions.create({ model: "qwen-max", messages });

const heard = [];
const runner = client.chat.completions
  .stream({ model: "qwen-max-thinking", messages, stream_options: { include_usage: true } })
  .on("content", (piece) => heard.push(piece));
const streamed = await runner.finalChatCompletion();

const brokenHeard = [];
const broken = await failure(async () => {
  const stream = await client.chat.completions.create({
    model: "qwen-max",
    messages: [{ role: "user", content: "Hello [[sim:midstream_error]]" }],
    stream: true,
  });
  for await (const chunk of stream) brokenHeard.push(chunk.choices[0].delta.content ?? "");
});

console.log(
  JSON.stringify({
    listsQwenMax: ids.includes("qwen-max"),
    whole: { text: whole.choices[0].message.content, finish: whole.choices[0].finish_reason, model: whole.model },
    heard: heard.join(""),
    streamed: {
      text: streamed.choices[0].message.content,
      finish: streamed.choices[0].finish_reason,
      tokens: streamed.usage?.completion_tokens,
    },
    unknownModel: await failure(() => client.chat.completions.create({ model: "qwn-max", messages })),
    brokenHeard: brokenHeard.join(""),
    broken,
  }),
);
