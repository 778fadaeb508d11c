/**
 * SIP over WebSocket, server side (RFC 7118, RFC 6455): the upgrade and the frames. Each WebSocket message is one SIP message.
 */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { ByteQueue } from "../base/byte-queue.ts";
import { ParseError } from "../base/errors.ts";
import type { Frame } from "../wire/sip/framer.ts";
import { MAX_MESSAGE_SIZE } from "../wire/sip/parse.ts";
import type { Framing } from "./connection.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD_MAX = 8192;

/** Reads the upgrade request; calls `done` with the framing and any bytes behind the request, or closes the socket. */
export function acceptWebSocket(socket: Socket, done: (framing: Framing, first: Buffer) => void): void {
  let buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    buffer = Buffer.concat([buffer, chunk]);
    const end = buffer.indexOf("\r\n\r\n");
    if (end < 0) {
      if (buffer.length > HEAD_MAX) socket.destroy();
      return;
    }
    socket.off("data", onData);
    const answer = upgrade(buffer.toString("latin1", 0, end));
    if (answer === undefined) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    socket.write(answer);
    done(new WebSocketFraming((bytes) => socket.write(bytes)), buffer.subarray(end + 4));
  };
  socket.on("data", onData);
}

function upgrade(head: string): string | undefined {
  const [start, ...lines] = head.split("\r\n");
  const fields = new Map(lines.map((l) => [l.slice(0, l.indexOf(":")).trim().toLowerCase(), l.slice(l.indexOf(":") + 1).trim()]));
  const key = fields.get("sec-websocket-key");
  const protocols = (fields.get("sec-websocket-protocol") ?? "").split(",").map((p) => p.trim().toLowerCase());
  if (!/^GET \S+ HTTP\/1\.1$/.test(start ?? "") || key === undefined || fields.get("upgrade")?.toLowerCase() !== "websocket")
    return undefined;
  if (!protocols.includes("sip") || fields.get("sec-websocket-version") !== "13") return undefined;
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: sip\r\n\r\n`;
}

/** Frames of RFC 6455 section 5. Client frames are masked, ours are not. */
class WebSocketFraming implements Framing {
  readonly pong: Buffer;
  readonly #control: (bytes: Buffer) => void;
  readonly #queue = new ByteQueue();
  #parts: Buffer[] = [];
  #partsLength = 0;

  constructor(control: (bytes: Buffer) => void) {
    this.#control = control;
    this.pong = this.wrap(Buffer.from("\r\n"));
  }

  get pending(): number {
    return this.#queue.length + this.#partsLength;
  }

  wrap(data: Buffer): Buffer {
    return frame(0x81, data);
  }

  push(chunk: Buffer): Frame[] {
    let data = this.#queue.push(chunk);
    const out: Frame[] = [];
    for (;;) {
      const got = readFrame(data);
      if (got === undefined) break;
      data = data.subarray(got.size);
      this.#take(got.opcode, got.final, got.payload, out);
    }
    this.#queue.keep(data.length);
    return out;
  }

  #take(opcode: number, final: boolean, payload: Buffer, out: Frame[]): void {
    if (opcode === 8) throw new ParseError("WebSocket closed by the peer");
    if (opcode === 9) {
      this.#control(frame(0x8a, payload));
      return;
    }
    if (opcode === 10) return;
    this.#parts.push(payload);
    this.#partsLength += payload.length;
    if (this.#partsLength > MAX_MESSAGE_SIZE) throw new ParseError("message too large", undefined, 513);
    if (!final) return;
    const message = this.#parts.length === 1 ? payload : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsLength = 0;
    const text = message.length <= 4 ? message.toString("latin1") : "";
    if (text === "\r\n\r\n") out.push({ kind: "ping" });
    else if (text === "\r\n") out.push({ kind: "pong" });
    else if (message.length > 0) out.push({ kind: "message", data: message });
  }
}

function readFrame(data: Buffer): { opcode: number; final: boolean; payload: Buffer; size: number } | undefined {
  if (data.length < 2) return undefined;
  const first = data[0]!;
  const second = data[1]!;
  if ((second & 0x80) === 0) throw new ParseError("WebSocket frame without mask");
  if ((first & 0x70) !== 0) throw new ParseError("WebSocket frame with unknown extension");
  let length = second & 0x7f;
  let at = 2;
  if (length === 126) {
    if (data.length < 4) return undefined;
    length = data.readUInt16BE(2);
    at = 4;
  } else if (length === 127) throw new ParseError("message too large", undefined, 513);
  if (data.length < at + 4 + length) return undefined;
  const mask = data.subarray(at, at + 4);
  const payload = Buffer.from(data.subarray(at + 4, at + 4 + length));
  for (let i = 0; i < payload.length; i++) payload[i] = payload[i]! ^ mask[i & 3]!;
  return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload, size: at + 4 + length };
}

function frame(first: number, payload: Buffer): Buffer {
  const long = payload.length > 125;
  const out = Buffer.allocUnsafe((long ? 4 : 2) + payload.length);
  out[0] = first;
  if (payload.length > 0xffff) throw new ParseError("message too large", undefined, 513);
  if (long) {
    out[1] = 126;
    out.writeUInt16BE(payload.length, 2);
  } else out[1] = payload.length;
  out.set(payload, long ? 4 : 2);
  return out;
}
