// What a page does, by fetch: `node chat.mjs question [milliseconds]`. Prints what came, or how it failed.

import { ConnectError, Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { ChatService, Role } from "./build/qwen_grpc/v1/chat_pb.js";

const ENOUGH = 200;
const { GRPC_WEB_URL, OPENAI_API_KEY } = process.env;
const [, , question, milliseconds = "20000"] = process.argv;

const chat = createClient(ChatService, createGrpcWebTransport({ baseUrl: GRPC_WEB_URL }));
const leaving = new AbortController();
let text = "";
try {
  const request = { model: "qwen-max", messages: [{ role: Role.USER, content: question }] };
  const headers = { authorization: `Bearer ${OPENAI_API_KEY}` };
  const options = { headers, timeoutMs: Number(milliseconds), signal: leaving.signal };
  for await (const message of chat.streamChat(request, options)) {
    text += message.deltas.map((delta) => delta.content ?? "").join("");
    if (text.length > ENOUGH) leaving.abort();
  }
  console.log(JSON.stringify({ text }));
} catch (error) {
  const { code, details } = ConnectError.from(error);
  const kinds = details.map((detail) => detail.type);
  console.log(JSON.stringify({ text: text.slice(0, 20), code: Code[code], details: kinds }));
}
