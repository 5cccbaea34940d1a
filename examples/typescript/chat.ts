// Streams an answer: `node chat.ts [question]`. It stops listening when it has heard enough.

import { status, type ServiceError } from "@grpc/grpc-js";

import { bearer, chatAt, failureOf, within } from "./gateway.ts";

const { QWEN_GRPC_TARGET = "127.0.0.1:50051", QWEN_MODEL = "qwen-max", QWEN_DEADLINE = "60" } = process.env;
const ENOUGH = 200;

const client = chatAt(QWEN_GRPC_TARGET);
const question = process.argv[2] ?? "Hello from TypeScript";
const call = client.streamChat(
  { model: QWEN_MODEL, messages: [{ role: "ROLE_USER", content: question }] },
  bearer(process.env.OPENAI_API_KEY ?? ""),
  { deadline: within(Number(QWEN_DEADLINE)) },
);
try {
  let heard = 0;
  for await (const { deltas } of call) {
    for (const { content = "" } of deltas) {
      process.stdout.write(content);
      heard += content.length;
    }
    // This ends the work at the upstream too.
    if (heard > ENOUGH) call.cancel();
  }
  process.stdout.write("\n");
} catch (error) {
  const { code, details } = error as ServiceError;
  if (code === status.CANCELLED) {
    process.stdout.write(" ...\n");
  } else {
    const { reason, retryAfter, requestId } = failureOf(error as ServiceError);
    const wait = retryAfter === undefined ? "" : `; try again in ${retryAfter} s`;
    console.error(`${status[code]} ${reason}: ${details}${wait} (${requestId})`);
    process.exitCode = 1;
  }
} finally {
  client.close();
}
