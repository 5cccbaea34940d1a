// What the official Node client makes of `/v1/responses`, as one JSON object on standard output.
import OpenAI from "openai";

const client = new OpenAI(); // OPENAI_BASE_URL and OPENAI_API_KEY
const model = "qwen-max";
const weather = {
  type: "function",
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: true,
};

const whole = await client.responses.create({ model: "qwen-max-thinking", input: "Hello from Node" });

const heard = [];
const stream = client.responses.stream({ model, input: "Hello from Node" });
stream.on("response.output_text.delta", (event) => heard.push(event.delta));
const streamed = await stream.finalResponse();

const input = [{ role: "user", content: "The weather in Paris?" }];
const called = await client.responses
  .stream({ model, input, tools: [weather], tool_choice: "required" })
  .finalResponse();
const [call] = called.output;
input.push(call, { type: "function_call_output", call_id: call.call_id, output: "sunny" });
const answered = await client.responses.create({ model, input, tools: [weather] });

const next = await client.responses.create({ model, input: "And now?", previous_response_id: whole.id });
const listed = [];
for await (const item of client.responses.inputItems.list(next.id, { order: "asc" })) listed.push(item.type);

let begun = await client.responses.create({ model, input: "Hello", background: true });
while (["queued", "in_progress"].includes(begun.status)) begun = await client.responses.retrieve(begun.id);
await client.responses.delete(begun.id);
const gone = await client.responses.retrieve(begun.id).catch((error) => error.status);

const kinds = [];
const broken = await client.responses.create({ model, input: "Hello [[sim:midstream_error]]", stream: true });
for await (const event of broken) kinds.push(event.type);

console.log(
  JSON.stringify({
    whole: { text: whole.output_text, items: whole.output.map((item) => item.type) },
    streamed: { heard: heard.join(""), text: streamed.output_text, status: streamed.status },
    call: { type: call.type, name: call.name, answer: answered.output_text },
    listed,
    background: { status: begun.status, text: begun.output_text, gone },
    broken: kinds.at(-1),
  }),
);
