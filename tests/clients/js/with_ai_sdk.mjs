// The AI SDK with its provider for whatever speaks OpenAI's form.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { CITY, HELLO, WEATHER, tell, weather } from "./asked.mjs";

const tools = {
  weather: tool({ description: "The weather of a city.", inputSchema: z.object({ city: z.string() }), execute: weather }),
};

const at = ({ url, model }, apiKey) =>
  createOpenAICompatible({ name: "qwen", baseURL: url, apiKey, supportsStructuredOutputs: true })(model);

const city = Output.object({ schema: z.object({ name: z.string() }) });

async function refused(gateway) {
  try {
    return (await generateText({ model: at(gateway, gateway.wrong_key), prompt: HELLO })).text;
  } catch (error) {
    return `${APICallError.isInstance(error) ? "APICallError" : error.constructor.name} ${error.statusCode}`;
  }
}

await tell(async (gateway) => {
  const model = at(gateway, gateway.key);
  return {
    chat: (await generateText({ model, prompt: HELLO })).text,
    stream: await streamText({ model, prompt: HELLO }).text,
    tools: await streamText({ model, prompt: WEATHER, tools, stopWhen: isStepCount(2) }).text,
    schema: (await generateText({ model, prompt: CITY, output: city })).output.name,
    errors: await refused(gateway),
  };
});
