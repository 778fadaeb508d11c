import { JanusError, type JanusHandle } from "./client.ts";

/** What Janus says where a room is there already (audiobridge 486, videoroom 427). */
const ROOM_EXISTS: ReadonlySet<number> = new Set([486, 427]);

export interface RoomOptions {
  readonly room: number;
  readonly description: string;
  /** `admin_key` of the plugins' configuration; null where they have none. */
  readonly adminKey: string | null;
  /** Secret of rooms we make, and of those we find: who has it may change them. */
  readonly secret: string;
  /** PIN that Janus's own clients need; null for none. */
  readonly pin: string | null;
}

/** Number of a meeting's rooms: its own where it is one, else made of its name (FNV-1a, 32 bits, above what people dial). */
export function roomNumber(meetingId: string): number {
  if (/^[1-9]\d{0,14}$/.test(meetingId)) return Number(meetingId);
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(meetingId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return 1_000_000_000_000 + hash;
}

/** Makes the audiobridge's room, which may be there. Resolves with whether it was made. */
export function makeAudioRoom(handle: JanusHandle, { room, description, adminKey, secret, pin }: RoomOptions): Promise<boolean> {
  return make(handle, {
    request: "create",
    room,
    description,
    permanent: false,
    is_private: true,
    sampling_rate: 48_000,
    audiolevel_ext: true,
    audiolevel_event: true,
    allow_rtp_participants: true,
    secret,
    ...(pin === null ? {} : { pin }),
    ...(adminKey === null ? {} : { admin_key: adminKey }),
  });
}

/** Makes the videoroom's, in which H.264 goes before VP8: rooms have H.264. */
export function makeVideoRoom(handle: JanusHandle, { room, description, adminKey, secret, pin }: RoomOptions): Promise<boolean> {
  return make(handle, {
    request: "create",
    room,
    description,
    permanent: false,
    is_private: true,
    publishers: 200,
    bitrate: 0,
    fir_freq: 0,
    audiocodec: "opus",
    videocodec: "h264,vp8",
    notify_joining: true,
    secret,
    ...(pin === null ? {} : { pin }),
    ...(adminKey === null ? {} : { admin_key: adminKey }),
  });
}

async function make(handle: JanusHandle, body: object): Promise<boolean> {
  try {
    await handle.request(body);
    return true;
  } catch (error) {
    if (error instanceof JanusError && ROOM_EXISTS.has(error.code)) return false;
    throw error;
  }
}
