// A client of the gateway: the contract is read when it starts, its types come from `npm run generate`.

import { credentials, loadPackageDefinition, Metadata, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

import type { ProtoGrpcType as Contract } from "./build/chat.ts";
import type { ChatServiceClient } from "./build/qwen/v1/ChatService.ts";
import type { ProtoGrpcType as Rpc } from "./build/rpc.ts";

// The same switches as in package.json, where the types are made.
const FORM = { longs: Number, enums: String, defaults: true, oneofs: true };
const FOLDERS = ["../../proto", "."].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));

const { qwen } = load<Contract>("qwen_grpc/v1/chat.proto");
const { rpc } = load<Rpc>("rpc.proto").google;

function load<Loaded>(file: string): Loaded {
  const definition = loadSync(file, { ...FORM, includeDirs: FOLDERS });
  return loadPackageDefinition(definition) as unknown as Loaded;
}

/** Chat at a gateway that speaks in clear; `credentials.createSsl()` is for one with TLS. */
export function chatAt(target: string): ChatServiceClient {
  return new qwen.v1.ChatService(target, credentials.createInsecure());
}

/** The headers of a call. */
export function bearer(credential: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${credential}`);
  return metadata;
}

/** The moment that is so many seconds from now, as a deadline of a call. */
export function within(seconds: number): Date {
  return new Date(Date.now() + 1000 * seconds);
}

export interface Failure {
  /** A word of docs/errors.md; empty when no gateway gave one, as with a broken connection. */
  reason: string;
  /** Seconds to wait before another try, where they are known. */
  retryAfter?: number;
  requestId: string;
}

/** What a failed call tells beside its status. */
export function failureOf(error: ServiceError): Failure {
  const failure: Failure = { reason: "", requestId: "" };
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (!(packed instanceof Buffer)) return failure;
  for (const { type_url: kind, value } of rpc.Status.deserialize(packed).details as unknown as Packed[]) {
    if (kind.endsWith("/google.rpc.ErrorInfo")) failure.reason = rpc.ErrorInfo.deserialize(value).reason;
    if (kind.endsWith("/google.rpc.RequestInfo")) failure.requestId = rpc.RequestInfo.deserialize(value).requestId;
    if (kind.endsWith("/google.rpc.RetryInfo")) {
      const { seconds, nanos } = rpc.RetryInfo.deserialize(value).retryDelay ?? { seconds: 0, nanos: 0 };
      failure.retryAfter = seconds + nanos / 1e9;
    }
  }
  return failure;
}

interface Packed {
  type_url: string;
  value: Buffer;
}
