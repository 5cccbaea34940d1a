// The official package of OpenAI: whole answers, its helper for streams, and the one that runs tools.
import OpenAI from "openai";
import { HELLO, WEATHER, tell, weather } from "./asked.mjs";

const user = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters, parse: JSON.parse, function: weather } }];

async function whole(client, model) {
  const answer = await client.chat.completions.create({ model, messages: user(HELLO) });
  return answer.choices[0].message.content;
}

async function refused({ url, model, wrong_key }) {
  try {
    return await whole(new OpenAI({ baseURL: url, apiKey: wrong_key }), model);
  } catch (error) {
    return error.constructor.name;
  }
}

await tell(async (gateway) => {
  const { url, model, key } = gateway;
  const client = new OpenAI({ baseURL: url, apiKey: key });
  const stream = client.chat.completions.stream({ model, messages: user(HELLO) });
  const runner = client.chat.completions.runTools({ model, messages: user(WEATHER), tools, stream: true });
  return {
    chat: await whole(client, model),
    stream: await stream.finalContent(),
    tools: await runner.finalContent(),
    errors: await refused(gateway),
  };
});
