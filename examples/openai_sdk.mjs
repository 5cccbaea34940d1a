// Streams an answer with the npm package `openai`; `npm install --no-save --prefix examples openai` first.
import { execFileSync } from "node:child_process";
import OpenAI from "openai";

// Without a key the demo's own credential is asked for: run this from the top of the repository.
const demoCredential = () =>
  execFileSync(".venv/bin/python", ["-c", "from qwen_grpc.cli.demo import demo_credential as c; print(c())"], {
    encoding: "utf8",
  }).trim();

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY || demoCredential(),
});

const stream = await client.chat.completions.create({
  model: "qwen-max",
  messages: [{ role: "user", content: "Hello from Node" }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0].delta.content ?? "");
process.stdout.write("\n");
