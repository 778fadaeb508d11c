import type { CameraLine } from "../call/content/camera-line.ts";
import type { VideoRelay } from "../video/port.ts";
import { H224_CLIENT, parseH224 } from "../wire/h224/index.ts";
import type { Call } from "./gateway-call.ts";

/** Management messages a room told of itself that are kept for those who see it later. */
const KEPT_MESSAGES = 4;

interface Room {
  readonly call: Call;
  readonly line: CameraLine;
  /** What it told of itself: its clients, what its cameras can do; by kind of message. */
  readonly told: Map<number, Uint8Array>;
}

/**
 * Far-end camera control between rooms (H.224, H.281): what a room says goes to the room it sees. A room tells once what its cameras can do; that is kept,
 * and told to each room that comes to see it.
 */
export class Cameras {
  readonly #rooms = new Map<string, Room>();
  /** Whom each main picture's line shows. */
  readonly #shown = new Map<string, string>();

  constructor(relay: VideoRelay | null) {
    relay?.on("shown", ({ lineId, participantId }) => this.#nowShows(lineId, participantId));
  }

  attach(call: Call, line: CameraLine): void {
    line.on("frame", (frame) => this.#onFrame(call, frame));
    this.#rooms.set(call.id, { call, line, told: new Map() });
    call.once("ended", () => {
      this.#rooms.delete(call.id);
      for (const { line: picture } of call.pictures?.all ?? []) if (picture) this.#shown.delete(picture.id);
    });
  }

  #onFrame(call: Call, bytes: Uint8Array): void {
    const frame = parseH224(bytes);
    const room = this.#rooms.get(call.id);
    // before it has joined a room sees nobody, and steers nobody
    if (!frame || !room || call.state !== "joined") {
      if (frame && room) this.#keep(room, frame.client, frame.data, bytes);
      return;
    }
    this.#keep(room, frame.client, frame.data, bytes);
    if (frame.client !== H224_CLIENT.cameraControl) return;
    const seen = this.#seenBy(call);
    if (seen !== undefined) this.#rooms.get(seen)?.line.send(bytes);
  }

  #keep(room: Room, client: number, data: Uint8Array, bytes: Uint8Array): void {
    if (client !== H224_CLIENT.management || data.length < 2) return;
    // one of each message: a list of clients, the capabilities of each client
    const key = (data[0]! << 16) | (data[1]! << 8) | (data[0] === 2 ? (data[2] ?? 0) : 0);
    if (!room.told.has(key) && room.told.size >= KEPT_MESSAGES) return;
    room.told.set(key, bytes);
    for (const other of this.#rooms.values()) if (other !== room && this.#seenBy(other.call) === room.call.id) other.line.send(bytes);
  }

  #nowShows(lineId: string, participantId: string | null): void {
    if (participantId === null) return void this.#shown.delete(lineId);
    this.#shown.set(lineId, participantId);
    const seen = this.#rooms.get(participantId);
    if (!seen) return;
    for (const { call, line } of this.#rooms.values()) {
      if (this.#mainLine(call) === lineId) for (const message of seen.told.values()) line.send(message);
    }
  }

  #seenBy(call: Call): string | undefined {
    const line = this.#mainLine(call);
    return line === undefined ? undefined : this.#shown.get(line);
  }

  #mainLine(call: Call): string | undefined {
    return call.pictures?.all.find(({ role }) => role === "camera")?.line?.id;
  }
}
