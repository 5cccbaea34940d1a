// What the official Node client makes of images, files and videos at the REST door, as one JSON object on standard
// output. PICTURE and NOTES are files on this machine.
import { createReadStream } from "node:fs";
import OpenAI, { BadRequestError, NotFoundError } from "openai";

const client = new OpenAI(); // OPENAI_BASE_URL and OPENAI_API_KEY
const POLL_MS = 20;

const failure = async (work) => {
  try {
    await work();
  } catch (error) {
    const { status, code, param, type } = error;
    const kinds = { isBadRequest: error instanceof BadRequestError, isNotFound: error instanceof NotFoundError };
    return { ...kinds, status, code, param, type };
  }
  return "no failure";
};

const start = (bytes) => Buffer.from(bytes).subarray(0, 8).toString("hex");
const fetched = async (url) => start(await (await fetch(url)).arrayBuffer());
const decoded = (image) => ({ hasUrl: "url" in image, start: start(Buffer.from(image.b64_json, "base64")) });

const images = async () => {
  const made = await client.images.generate({ prompt: "a fox", model: "qwen-max", size: "1792x1024", n: 2 });
  const inline = await client.images.generate({ prompt: "a fox", response_format: "b64_json" });
  const edited = await client.images.edit({ image: createReadStream(process.env.PICTURE), prompt: "make it blue" });
  return {
    made: await Promise.all(made.data.map((image) => fetched(image.url))),
    inline: inline.data.map(decoded),
    edited: await Promise.all(edited.data.map((image) => fetched(image.url))),
    wrongSize: await failure(() => client.images.generate({ prompt: "a fox", size: "256x256" })),
  };
};

const files = async () => {
  const made = await client.files.create({ file: createReadStream(process.env.NOTES), purpose: "user_data" });
  const second = await client.files.create({ file: createReadStream(process.env.PICTURE), purpose: "vision" });
  const found = await client.files.retrieve(made.id);
  const listed = [];
  for await (const file of client.files.list({ limit: 1 })) listed.push(file.id);
  const deleted = await client.files.delete(made.id);
  const { id, created_at, expires_at, ...rest } = made;
  return {
    made: rest,
    keptSeconds: expires_at - created_at,
    foundIsMade: JSON.stringify(found) === JSON.stringify(made),
    listedNewestFirst: JSON.stringify(listed) === JSON.stringify([second.id, id]),
    deleted: { ...deleted, id: deleted.id === id },
    gone: await failure(() => client.files.retrieve(id)),
  };
};

const completed = async (id) => {
  for (;;) {
    const video = await client.videos.retrieve(id);
    if (video.status === "completed" || video.status === "failed") return video;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

const videos = async () => {
  const asked = { prompt: "a fox", model: "qwen3.7-plus", seconds: "4", size: "1280x720" };
  const made = await client.videos.create(asked);
  const video = await completed(made.id);
  const content = await client.videos.downloadContent(made.id);
  const bytes = await content.arrayBuffer();
  const deleted = await client.videos.delete(made.id);
  return {
    made: { object: made.object, model: made.model, prompt: made.prompt, size: made.size, error: made.error },
    completed: { sameId: video.id === made.id, status: video.status, progress: video.progress },
    content: { type: content.headers.get("content-type"), size: bytes.byteLength },
    deleted: { ...deleted, id: deleted.id === made.id },
    gone: await failure(() => client.videos.retrieve(made.id)),
  };
};

console.log(JSON.stringify({ images: await images(), files: await files(), videos: await videos() }));
