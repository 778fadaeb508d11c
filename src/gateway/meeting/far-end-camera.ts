import type { CameraLine } from "../../call-media/camera-control-section.ts";
import type { Picture, Pictures } from "../../call-media/video-streams.ts";
import { H224_CLIENT, type H224Frame, parseH224 } from "../../wire/h224/index.ts";
import type { Call } from "../call/call.ts";

/** Management messages a room told of itself that are kept for those who see it later. */
const KEPT_MESSAGES = 4;

interface Room {
  readonly call: Call;
  readonly pictures: Pictures;
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

  attach(call: Call, pictures: Pictures, line: CameraLine): void {
    const room: Room = { call, pictures, line, told: new Map() };
    this.#rooms.set(call.id, room);
    line.on("frame", (bytes) => this.#onFrame(room, bytes));
    pictures.on("shown", (picture) => this.#onShown(room, picture));
    call.once("ended", () => this.#rooms.delete(call.id));
  }

  #onFrame(room: Room, bytes: Uint8Array): void {
    const frame = parseH224(bytes);
    if (!frame) return;
    if (frame.client === H224_CLIENT.management) this.#keep(room, frame, bytes);
    // before it has joined a room sees nobody, and steers nobody
    else if (frame.client === H224_CLIENT.cameraControl && room.call.state === "joined") this.#seenBy(room)?.line.send(bytes);
  }

  #keep(room: Room, { data }: H224Frame, bytes: Uint8Array): void {
    if (data.length < 2) return;
    // one of each message: a list of clients, the capabilities of each client
    const key = (data[0]! << 16) | (data[1]! << 8) | (data[0] === 2 ? (data[2] ?? 0) : 0);
    if (!room.told.has(key) && room.told.size >= KEPT_MESSAGES) return;
    room.told.set(key, bytes);
    for (const other of this.#rooms.values()) if (this.#seenBy(other) === room) other.line.send(bytes);
  }

  #onShown(room: Room, { role }: Picture): void {
    if (role !== "camera") return;
    for (const message of this.#seenBy(room)?.told.values() ?? []) room.line.send(message);
  }

  /** The room whose camera another's main picture shows. */
  #seenBy({ pictures }: Room): Room | undefined {
    const shows = pictures.all.find(({ role }) => role === "camera")?.shows;
    return shows === undefined || shows === null ? undefined : this.#rooms.get(shows);
  }
}
