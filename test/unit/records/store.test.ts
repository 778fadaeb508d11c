import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maskParty } from "../../../src/records/masking.ts";
import { SqliteMeetingStore } from "../../../src/records/meetings.ts";
import type { CallRecord } from "../../../src/records/model.ts";
import { privateFolder } from "../../../src/security/files.ts";
import { SqliteRecordStore } from "../../../src/records/store.ts";

const start = Date.UTC(2026, 5, 1);
const record = (n: number, more: Partial<CallRecord> = {}): CallRecord => ({
  id: `call-${n}`,
  direction: "in",
  protocol: "sip",
  transport: "udp",
  trunk: null,
  trust: "unverified",
  from: "sip:+4930123456@example.com",
  to: "sip:1000@gateway.example",
  meetingId: n % 2 ? "1000" : "2000",
  startedAt: new Date(start + n * 1000 - 500).toISOString(),
  answeredAt: null,
  endedAt: new Date(start + n * 1000).toISOString(),
  outcome: n % 3 ? "completed" : "wrong-pin",
  reason: "said goodbye",
  sipStatus: null,
  cause: 16,
  codec: null,
  srtp: null,
  packetsIn: 0,
  packetsOut: 0,
  lossPercent: null,
  jitterMs: null,
  ...more,
});

let folder: string;
let file: string;
let said: string[];
const log = {
  warn: (_: object, message: string) => void said.push(message),
  info: (_: object, message: string) => void said.push(message),
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crosspoint-records-"));
  file = join(folder, "deep", "records.sqlite");
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));
const open = (more: object = {}) =>
  new SqliteRecordStore({ file, retentionDays: 90, log, flushAfter: 0, wall: () => start + 100_000, ...more });
const ids = (records: readonly CallRecord[]) => records.map((r) => Number(r.id.slice(5)));

describe("call records", () => {
  it("are listed newest first, written or not, filtered and paged", () => {
    const store = open();
    for (let n = 1; n <= 6; n++) store.add(record(n));
    store.flush();
    for (let n = 7; n <= 9; n++) store.add(record(n));
    expect(ids(store.list({ limit: 100 }))).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(ids(store.list({ limit: 5, before: "call-8" }))).toEqual([7, 6, 5, 4, 3]);
    expect(ids(store.list({ limit: 2, before: "call-3" }))).toEqual([2, 1]);
    expect(ids(store.list({ limit: 9, before: new Date(start + 8000).toISOString() }))).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(ids(store.list({ limit: 9, meetingId: "2000" }))).toEqual([8, 6, 4, 2]);
    expect(ids(store.list({ limit: 9, outcome: "wrong-pin", meetingId: "1000" }))).toEqual([9, 3]);
    store.close();
  });

  it("are bounded in number and in bytes, the oldest going first", () => {
    const store = open({ maxRecords: 50 });
    for (let n = 1; n <= 120; n++) store.add(record(n));
    store.flush();
    expect(ids(store.list({ limit: 1000 }))).toEqual(Array.from({ length: 50 }, (_, i) => 120 - i));
    expect(said.filter((message) => message.includes("oldest call records"))).toHaveLength(1);
    store.close();
    const small = open({ maxBytes: 200_000 });
    for (let n = 200; n < 3_000; n++) {
      small.add(record(n, { reason: "x".repeat(200) }));
      if (n % 50 === 0) small.flush();
    }
    small.flush();
    expect(ids(small.list({ limit: 1 }))).toEqual([2_999]);
    small.close();
    expect(statSync(file).size).toBeLessThan(400_000);
  });

  it("and meetings are for their owner only, also what lies beside the database and what was there before", () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "", { mode: 0o644 });
    writeFileSync(`${file}.backup`, "", { mode: 0o644 });
    const store = open();
    store.add(record(1));
    store.flush();
    const meetings = new SqliteMeetingStore<{ id: string }>(join(dirname(file), "meetings.sqlite"));
    const modes = readdirSync(dirname(file)).map((name) => [name, statSync(join(dirname(file), name)).mode & 0o777]);
    expect(modes.map(([name]) => name)).toEqual(expect.arrayContaining(["meetings.sqlite", "records.sqlite-wal", "records.sqlite.backup"]));
    expect(modes.filter(([, mode]) => mode !== 0o600)).toEqual([]);
    store.close();
    meetings.close();
  });

  it("lie in a folder for their owner only, unless it is shared by all or nothing of ours", () => {
    const ours = (name: string) => name.endsWith(".sqlite");
    const mode = (path: string) => statSync(path).mode & 0o7777;
    for (const [name, before, after, content] of [
      ["empty", 0o755, 0o700, null],
      ["ours", 0o755, 0o700, "records.sqlite"],
      ["theirs", 0o755, 0o755, "photo.jpg"],
      ["shared", 0o1777, 0o1777, "records.sqlite"],
    ] as const) {
      const path = join(folder, name);
      mkdirSync(path);
      chmodSync(path, before);
      if (content !== null) writeFileSync(join(path, content), "");
      privateFolder(path, ours);
      expect([name, mode(path)]).toEqual([name, after]);
    }
  });

  it("are listed in the order they came, whatever the clock was set to", () => {
    const store = open();
    const late = (n: number, ms: number) => record(n, { endedAt: new Date(start + ms).toISOString() });
    store.add(late(1, 3_600_000));
    store.add(late(2, 10));
    store.flush();
    store.add(late(3, 20));
    store.flush();
    expect(store.list({ limit: 9 }).map(({ id }) => id)).toEqual(["call-3", "call-2", "call-1"]);
    expect(store.list({ limit: 9, before: "call-3" }).map(({ id }) => id)).toEqual(["call-2", "call-1"]);
    store.close();
  });

  it("are there after a restart", () => {
    const store = open();
    store.add(record(1));
    store.close();
    const again = open();
    expect(again.list({ limit: 1 })).toEqual([record(1)]);
    again.close();
  });

  it("go when they are too old", () => {
    const store = open();
    store.add(record(1));
    store.close();
    const later = open({ retentionDays: 1, wall: () => start + 2 * 86_400_000 });
    expect(later.list({ limit: 9 })).toEqual([]);
    later.close();
  });

  it("mask the outside party before anything is kept", () => {
    const store = open({ masking: "numbers" });
    store.add(record(1));
    store.add(record(2, { direction: "out", from: "sip:crosspoint@gw", to: "tel:+4930987654" }));
    store.close();
    const raw = new DatabaseSync(file).prepare("SELECT body FROM records").all();
    expect(JSON.stringify(raw)).not.toMatch(/4930123456|4930987654/);
    const again = open();
    expect(again.list({ limit: 2 }).map((r) => [r.from, r.to])).toEqual([
      ["sip:crosspoint@gw", "tel:+xxxxxxx654"],
      ["sip:+xxxxxxx456@example.com", "sip:1000@gateway.example"],
    ]);
    again.close();
  });

  it("survive a full disk: said once, kept, and written when there is room", () => {
    const store = open({ maxPending: 300 });
    store.add(record(0));
    store.flush();
    // Another connection holds the write lock: the database refuses as a full disk does.
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    for (let n = 1; n <= 350; n++) store.add(record(n));
    store.flush();
    store.flush();
    expect(said).toEqual(["call records cannot be written; kept in memory until they can"]);
    expect(ids(store.list({ limit: 1000 }))).toHaveLength(301);
    other.exec("ROLLBACK");
    store.flush();
    expect(said.at(-1)).toBe("call records are written again");
    expect(ids(store.list({ limit: 2 }))).toEqual([350, 349]);
    expect(store.list({ limit: 1000 })).toHaveLength(301);
    other.close();
    store.close();
    expect(said).toHaveLength(2);
  }, 15_000);

  it("stay off the disk without retention", () => {
    const store = open({ retentionDays: 0 });
    store.add(record(1));
    store.flush();
    expect(ids(store.list({ limit: 9 }))).toEqual([1]);
    store.close();
    expect(() => new DatabaseSync(file, { readOnly: true })).toThrow();
  });
});

describe("masking", () => {
  it.each([
    ["sip:+49 30-1234567@10.11.12.13", "sip:+xx xx-xxxx567@10.11.12.13"],
    ["alice@example.com", "alice@example.com"],
    ["1000", "1000"],
    ['"Bob" <sip:015112345678@carrier>', '"Bob" <sip:xxxxxxxxx678@carrier>'],
  ])("%s", (party, masked) => expect(maskParty(party, "numbers")).toBe(masked));
  it("can leave nothing", () => expect(maskParty("sip:alice@example.com", "all")).toBe("anonymous"));
});

describe("meetings made by the API", () => {
  it("are kept until removed", () => {
    const store = new SqliteMeetingStore<{ id: string; name: string }>(file);
    store.save({ id: "b", name: "B" });
    store.save({ id: "a", name: "A" });
    store.save({ id: "b", name: "B2" });
    store.close();
    const again = new SqliteMeetingStore<{ id: string; name: string }>(file);
    expect(again.all()).toEqual([
      { id: "a", name: "A" },
      { id: "b", name: "B2" },
    ]);
    again.remove("a");
    expect(again.get("a")).toBeUndefined();
    expect(again.get("b")?.name).toBe("B2");
    again.close();
  });
});
