import { plainNumber, type Reached } from "../base/known-numbers.ts";
import { normaliseNumber } from "./dial-string.ts";
import type { Meeting } from "./model.ts";

export type MeetingSource = "configuration" | "api" | "directory";

/**
 * Who is called: the port behind which meetings are found (decision 0007). Adapters: the memory below, a meeting service's look-up.
 */
export interface Directory {
  /**
   * The meeting a number or alias reaches for callers of `tenant`, or undefined. Tenants never see each other's meetings; null is a tenant of
   * its own: the installation without any.
   */
  find(number: string, tenant: string | null): Promise<Meeting | undefined>;
  /** By identifier, whatever the tenant. */
  get(id: string): Meeting | undefined;
}

/** The first meeting that one of these numbers reaches for callers of `tenant`. */
export async function firstMeeting(
  directory: Pick<Directory, "find">,
  numbers: readonly string[],
  tenant: string | null,
): Promise<Meeting | undefined> {
  for (const number of numbers) {
    const meeting = await directory.find(number, tenant);
    if (meeting) return meeting;
  }
  return undefined;
}

/** A change that would make two meetings answer to one number. */
export class AliasConflict extends Error {
  override name = "AliasConflict";
  readonly number: string;
  readonly meetingId: string;
  constructor(number: string, meetingId: string) {
    super(`${number} already reaches meeting ${meetingId}`);
    this.number = number;
    this.meetingId = meetingId;
  }
}

interface Entry {
  readonly meeting: Meeting;
  readonly source: MeetingSource;
}

const key = (number: string, tenant: string | null): string => `${tenant ?? ""}\u0000${normaliseNumber(number)}`;

/** Numbers a meeting answers to: its identifier and its aliases. */
function numbersOf(meeting: Meeting): string[] {
  return [meeting.id, ...meeting.aliases];
}

/** Meetings of the configuration and of the admin API, in memory. */
export class MemoryDirectory implements Directory {
  #entries = new Map<string, Entry>();
  #numbers = new Map<string, string>();
  /** Meetings that a number reaches in any tenant, separators left out, and how many of them have a PIN: for masking. */
  #plain = new Map<string, { meetings: number; pins: number }>();

  async find(number: string, tenant: string | null): Promise<Meeting | undefined> {
    const plain = normaliseNumber(number);
    const id =
      this.#numbers.get(key(plain, tenant)) ??
      // carriers hand E.164 numbers over with and without their plus sign
      (/^[0-9]{7,15}$/.test(plain) ? this.#numbers.get(key(`+${plain}`, tenant)) : undefined) ??
      (/^\+[0-9]+$/.test(plain) ? this.#numbers.get(key(plain.slice(1), tenant)) : undefined);
    return id === undefined ? undefined : this.#entries.get(id)?.meeting;
  }

  get(id: string): Meeting | undefined {
    return this.#entries.get(id)?.meeting;
  }

  source(id: string): MeetingSource | undefined {
    return this.#entries.get(id)?.source;
  }

  /** What a number, as `plainNumber` makes it, reaches in any tenant. */
  reached(plain: string): Reached {
    const found = this.#plain.get(plain);
    return found && (found.pins > 0 ? "pin" : "open");
  }

  #count(meeting: Meeting, by: 1 | -1): void {
    const pin = meeting.guestPin !== null || meeting.hostPin !== null;
    for (const plain of new Set(numbersOf(meeting).map(plainNumber))) {
      const { meetings, pins } = this.#plain.get(plain) ?? { meetings: 0, pins: 0 };
      if (meetings + by === 0) this.#plain.delete(plain);
      else this.#plain.set(plain, { meetings: meetings + by, pins: pins + (pin ? by : 0) });
    }
  }

  list(): { readonly meeting: Meeting; readonly source: MeetingSource }[] {
    return [...this.#entries.values()];
  }

  /** Adds a meeting or replaces the one of this identifier. Throws AliasConflict, and then has changed nothing. */
  put(meeting: Meeting, source: MeetingSource): void {
    for (const number of numbersOf(meeting)) {
      const other = this.#numbers.get(key(number, meeting.tenant));
      if (other !== undefined && other !== meeting.id) throw new AliasConflict(number, other);
    }
    this.delete(meeting.id);
    this.#entries.set(meeting.id, { meeting, source });
    this.#count(meeting, 1);
    for (const number of numbersOf(meeting)) this.#numbers.set(key(number, meeting.tenant), meeting.id);
  }

  /** False when there was none. */
  delete(id: string): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return false;
    this.#count(entry.meeting, -1);
    for (const number of numbersOf(entry.meeting)) this.#numbers.delete(key(number, entry.meeting.tenant));
    return this.#entries.delete(id);
  }

  /**
   * Replaces the configuration's meetings all at once; those of the API stay. Throws AliasConflict, and then has changed nothing.
   * @returns identifiers added, changed and removed
   */
  replaceConfiguration(meetings: readonly Meeting[]): { added: string[]; changed: string[]; removed: string[] } {
    const next = new MemoryDirectory();
    for (const { meeting, source } of this.list()) {
      if (source !== "configuration" && !meetings.some((one) => one.id === meeting.id)) next.put(meeting, source);
    }
    for (const meeting of meetings) {
      if (next.source(meeting.id) === "configuration") throw new AliasConflict(meeting.id, meeting.id);
      next.put(meeting, "configuration");
    }
    const added: string[] = [];
    const changed: string[] = [];
    for (const meeting of meetings) {
      const before = this.get(meeting.id);
      if (!before) added.push(meeting.id);
      else if (JSON.stringify(before) !== JSON.stringify(meeting)) changed.push(meeting.id);
    }
    const removed = this.list()
      .filter(({ meeting }) => !next.get(meeting.id))
      .map(({ meeting }) => meeting.id);
    this.#entries = next.#entries;
    this.#numbers = next.#numbers;
    this.#plain = next.#plain;
    return { added, changed, removed };
  }
}
