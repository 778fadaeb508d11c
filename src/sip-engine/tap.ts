/** The messages of the engine that somebody looks at: masked in this thread, so that no key leaves it, and handed over some at a time. */
import type { SipTap, Source } from "../sip/types.ts";
import { hostPort, readSip, type TracedMessage, type TraceLevel, type TraceWish, wallTime } from "../trace/index.ts";

/** Messages handed over in one turn of the event loop at most; a flood loses the rest. */
const MOST = 1_000;

export class EngineTap {
  readonly #tell: (messages: readonly TracedMessage[]) => void;
  #pending: TracedMessage[] = [];
  #following = false;

  constructor(tell: (messages: readonly TracedMessage[]) => void) {
    this.#tell = tell;
  }

  /** What the driver is given for a wish; undefined for none. */
  follow({ level, only }: TraceWish): SipTap | undefined {
    this.#following = level !== "off" && only === null;
    if (level === "off") return undefined;
    const callIds = only === null ? undefined : new Set(only);
    const wanted = (callId: string): TraceLevel => (callIds === undefined || callIds.has(callId) ? level : "off");
    return (direction, data, { transport, address, port, localAddress, localPort }) => {
      if (this.#pending.length >= MOST) return;
      const read = readSafely(data, wanted);
      if (read === undefined) return;
      const { callId, ...text } = read;
      this.#add({
        key: callId === "" ? "" : `sip:${callId}`,
        protocol: "sip",
        direction,
        transport,
        local: hostPort(localAddress, localPort),
        remote: hostPort(address, port),
        at: wallTime(),
        ...text,
      });
    };
  }

  /** A stream in which no message can be found any more: nothing of it is shown. */
  broken({ transport, address, port, localAddress, localPort }: Source): void {
    if (!this.#following || this.#pending.length >= MOST) return;
    const places = { local: hostPort(localAddress, localPort), remote: hostPort(address, port) };
    const text = { summary: "unreadable", head: "[unreadable stream]", body: null };
    this.#add({ key: "", protocol: "sip", direction: "in", transport, ...places, at: wallTime(), ...text });
  }

  #add(message: TracedMessage): void {
    this.#pending.push(message);
    if (this.#pending.length > 1) return;
    setImmediate(() => {
      const messages = this.#pending;
      this.#pending = [];
      this.#tell(messages);
    });
  }
}

/** To be looked at must never cost a message: a fault of the masking shows nothing of it. */
function readSafely(data: Buffer, wanted: (callId: string) => TraceLevel): ReturnType<typeof readSip> {
  try {
    return readSip(data, wanted);
  } catch {
    return { callId: "", summary: "not shown", head: `[not shown, ${data.length} bytes]`, body: null };
  }
}
