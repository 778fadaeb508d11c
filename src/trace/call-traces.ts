/**
 * The messages of the calls that are traced, in memory and bounded. A message belongs to a key (a Call-ID, an H.323 call identifier, a channel of the media server);
 * keys of one call are joined as they become known, so that what came before is found too. Messages of keys that are no call's are kept only while everything, or a whole
 * trunk, is traced: whose call it is is known only after its first message.
 */
import { atLeast, type TracedMessage, type TraceLevel } from "./types.ts";

/** What is to be traced. */
export interface TraceSettings {
  readonly level: TraceLevel;
  /** Of trunks that have a level of their own. */
  readonly trunks: ReadonlyMap<string, TraceLevel>;
  /** How long the trace of a call is kept after its end, minutes; 0 not at all. */
  readonly keepMinutes: number;
}

/** What engines are asked for: a level, for all messages or for those of some Call-IDs. */
export interface TraceWish {
  readonly level: TraceLevel;
  readonly only: readonly string[] | null;
}

/** Nothing is wanted. */
export const NO_TRACE: TraceWish = { level: "off", only: null };

/** A message as it is answered: `sequence` grows from message to message. */
export interface NumberedMessage extends Omit<TracedMessage, "key"> {
  readonly sequence: number;
  /** The dialog, H.323 call or channel that it belongs to: `sip:CALL-ID` and the like. */
  readonly leg: string;
}

export interface CallTrace {
  /** The gateway's identifier of the call; null for messages that belong to none. */
  readonly callId: string | null;
  readonly level: TraceLevel;
  /** Older messages that were dropped for want of room. */
  readonly dropped: number;
  readonly ended: boolean;
  readonly messages: readonly NumberedMessage[];
}

/** Messages and characters of one call. */
const CALL = { messages: 1_000, characters: 1_000_000 };
/** Of all together. */
const ALL = 64_000_000;
/** Keys of no call, and ended calls. */
const LOOSE = 500;
const ENDED = 500;
/** A key of no call is forgotten after so many ms without a message. */
const LOOSE_MS = 120_000;

interface Ring {
  readonly keys: Set<string>;
  messages: (TracedMessage & { readonly sequence: number })[];
  characters: number;
  dropped: number;
  /** Undefined: no call's. */
  call: { readonly id: string; readonly trunk: string | null; own: TraceLevel | undefined; endedAt: number | undefined } | undefined;
  touchedAt: number;
}

export class CallTraces {
  /** Told every message that is kept, once. */
  onMessage: (message: TracedMessage, callId: string | null) => void = () => {};
  /** Told when the engines are to be asked for something else. */
  onWish: (wish: TraceWish) => void = () => {};
  readonly #now: () => number;
  #settings: TraceSettings;
  #wish: TraceWish = NO_TRACE;
  readonly #rings = new Map<string, Ring>();
  readonly #calls = new Map<string, Ring>();
  /** Oldest first. */
  readonly #loose = new Set<Ring>();
  readonly #ended = new Set<Ring>();
  #characters = 0;
  #sequence = 0;

  constructor(settings: TraceSettings, now: () => number = Date.now) {
    this.#settings = settings;
    this.#now = now;
    this.#ask();
  }

  /** Whether any message is wanted at all: to be asked before anything is made of one. */
  get active(): boolean {
    return this.#wish.level !== "off";
  }

  get wish(): TraceWish {
    return this.#wish;
  }

  /** What is wanted of a message of this key, as far as that is known. */
  levelOf(key: string): TraceLevel {
    const call = this.#rings.get(key)?.call;
    if (call !== undefined) return this.#levelOf(call);
    return this.#wish.only === null ? this.#wish.level : "off";
  }

  configure(settings: TraceSettings): void {
    this.#settings = settings;
    for (const ring of this.#calls.values()) if (this.#levelOf(ring.call!) === "off") this.#empty(ring);
    this.#sweep();
    this.#ask();
  }

  /** A message was sent or received. */
  add(message: TracedMessage): void {
    const level = this.levelOf(message.key);
    if (level === "off") return;
    const ring = message.key === "" ? undefined : this.#ringOf(message.key);
    const kept = ring?.call === undefined || level === "full" || message.body === null ? message : { ...message, body: null };
    if (ring !== undefined) this.#push(ring, { ...kept, sequence: ++this.#sequence });
    // what may turn out to be a call of a trunk is told of once that is known
    if (ring?.call !== undefined) this.onMessage(kept, ring.call.id);
    else if (this.#settings.level !== "off") this.onMessage(this.#settings.level === "full" ? kept : { ...kept, body: null }, null);
    this.#sweep();
  }

  /** A call of the gateway; `key` names its messages. */
  begin(call: { readonly id: string; readonly trunk: string | null }, key: string): void {
    const before = this.#rings.get(key);
    // a Call-ID that comes again: the call that was challenged, with its credentials
    if (before?.call?.endedAt !== undefined) this.#calls.delete(before.call.id);
    const ring = before?.call === undefined || before.call.endedAt !== undefined ? this.#ringOf(key) : this.#replace(key);
    this.#loose.delete(ring);
    this.#ended.delete(ring);
    const told = ring.call !== undefined || this.#settings.level !== "off";
    ring.call = { ...call, own: ring.call?.own, endedAt: undefined };
    this.#calls.set(call.id, ring);
    const level = this.#levelOf(ring.call);
    if (level === "off") this.#empty(ring);
    else if (level === "headers") this.#withoutBodies(ring);
    if (level !== "off" && !told) for (const message of ring.messages) this.onMessage(message, call.id);
  }

  /** Messages of `key` belong where those of `parent` do. */
  join(parent: string, key: string): void {
    const ring = this.#ringOf(parent);
    const other = this.#rings.get(key);
    if (other === ring) return;
    ring.keys.add(key);
    this.#rings.set(key, ring);
    if (ring.call?.own !== undefined) this.#ask();
    if (other === undefined || other.call !== undefined) return;
    const level = ring.call === undefined ? this.#wish.level : this.#levelOf(ring.call);
    const messages = level === "full" ? other.messages : other.messages.map((message) => ({ ...message, body: null }));
    for (const alias of other.keys) {
      ring.keys.add(alias);
      this.#rings.set(alias, ring);
    }
    this.#loose.delete(other);
    this.#characters -= other.characters;
    if (level === "off" && ring.call !== undefined) return;
    ring.messages = [...ring.messages, ...messages].sort((a, b) => a.sequence - b.sequence);
    for (const message of messages) {
      const size = sizeOf(message);
      ring.characters += size;
      this.#characters += size;
      if (ring.call !== undefined && this.#settings.level === "off") this.onMessage(message, ring.call.id);
    }
    this.#trim(ring);
  }

  /** The call is over; its trace stays for a while. */
  end(callId: string): void {
    const ring = this.#calls.get(callId);
    if (ring?.call?.id !== callId || ring.call.endedAt !== undefined) return;
    ring.call.endedAt = this.#now();
    const { own } = ring.call;
    if (ring.messages.length === 0 && ring.dropped === 0) this.#forget(ring);
    else this.#ended.add(ring);
    this.#sweep();
    if (own !== undefined) this.#ask();
  }

  /** From now on the call is traced so, whatever the configuration says. False: there is no such call, or it is over. */
  setLevel(callId: string, level: TraceLevel): boolean {
    const ring = this.#calls.get(callId);
    if (ring?.call?.id !== callId || ring.call.endedAt !== undefined) return false;
    ring.call.own = level;
    this.#ask();
    return true;
  }

  /** By the gateway's identifier, or by the protocol's own (a Call-ID). `after`: only messages behind that number. */
  get(id: string, after = 0): CallTrace | undefined {
    this.#sweep();
    const ring = this.#calls.get(id) ?? this.#rings.get(`sip:${id}`) ?? this.#rings.get(`h323:${id.toLowerCase().replaceAll("-", "")}`);
    if (ring === undefined) return undefined;
    const { call, dropped } = ring;
    return {
      callId: call?.id ?? null,
      level: call === undefined ? this.#wish.level : this.#levelOf(call),
      dropped,
      ended: call === undefined || call.endedAt !== undefined,
      messages: ring.messages.filter(({ sequence }) => sequence > after).map(({ key, ...message }) => ({ leg: key, ...message })),
    };
  }

  #levelOf({ own, trunk }: NonNullable<Ring["call"]>): TraceLevel {
    return own ?? (trunk === null ? undefined : this.#settings.trunks.get(trunk)) ?? this.#settings.level;
  }

  #ask(): void {
    let level = this.#settings.level;
    for (const of of this.#settings.trunks.values()) level = atLeast(level, of);
    const everything = level !== "off";
    const only: string[] = [];
    for (const { call, keys } of this.#calls.values()) {
      if (call?.own === undefined || call.own === "off" || call.endedAt !== undefined) continue;
      level = atLeast(level, call.own);
      for (const key of keys) if (key.startsWith("sip:")) only.push(key.slice(4));
    }
    this.#wish = { level, only: everything ? null : only };
    this.onWish(this.#wish);
  }

  #ringOf(key: string): Ring {
    const known = this.#rings.get(key);
    if (known !== undefined) return known;
    const ring: Ring = { keys: new Set([key]), messages: [], characters: 0, dropped: 0, call: undefined, touchedAt: this.#now() };
    this.#rings.set(key, ring);
    this.#loose.add(ring);
    return ring;
  }

  /** Two calls at a time by one key: the later has it. */
  #replace(key: string): Ring {
    this.#rings.get(key)?.keys.delete(key);
    this.#rings.delete(key);
    return this.#ringOf(key);
  }

  #push(ring: Ring, message: TracedMessage & { readonly sequence: number }): void {
    const size = sizeOf(message);
    ring.messages.push(message);
    ring.characters += size;
    this.#characters += size;
    ring.touchedAt = this.#now();
    if (ring.call === undefined) {
      this.#loose.delete(ring);
      this.#loose.add(ring);
    }
    this.#trim(ring);
  }

  #trim(ring: Ring): void {
    while (ring.messages.length > CALL.messages || ring.characters > CALL.characters) {
      const size = sizeOf(ring.messages.shift()!);
      ring.characters -= size;
      this.#characters -= size;
      ring.dropped++;
    }
  }

  #withoutBodies(ring: Ring): void {
    this.#characters -= ring.characters;
    ring.messages = ring.messages.map((message) => ({ ...message, body: null }));
    ring.characters = ring.messages.reduce((sum, message) => sum + sizeOf(message), 0);
    this.#characters += ring.characters;
  }

  #empty(ring: Ring): void {
    this.#characters -= ring.characters;
    ring.messages = [];
    ring.characters = 0;
  }

  #forget(ring: Ring): void {
    this.#empty(ring);
    for (const key of ring.keys) if (this.#rings.get(key) === ring) this.#rings.delete(key);
    if (ring.call !== undefined && this.#calls.get(ring.call.id) === ring) this.#calls.delete(ring.call.id);
    this.#loose.delete(ring);
    this.#ended.delete(ring);
  }

  /** What is too old or too much goes: keys of no call first, then calls by their end, then the beginnings of those that are up. */
  #sweep(): void {
    const now = this.#now();
    for (const ring of this.#loose) {
      if (this.#loose.size <= LOOSE && this.#characters <= ALL && now - ring.touchedAt <= LOOSE_MS) break;
      this.#forget(ring);
    }
    const keep = this.#settings.keepMinutes * 60_000;
    for (const ring of this.#ended) {
      if (this.#ended.size <= ENDED && this.#characters <= ALL && now - ring.call!.endedAt! < keep) break;
      this.#forget(ring);
    }
    for (const ring of this.#calls.values()) {
      if (this.#characters <= ALL) break;
      ring.dropped += ring.messages.length;
      this.#empty(ring);
    }
  }
}

function sizeOf({ head, body, summary }: TracedMessage): number {
  return head.length + (body?.length ?? 0) + summary.length + 200;
}
