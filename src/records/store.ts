import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { privateDatabase } from "../security/files.ts";
import { type Masking, maskRecord } from "./masking.ts";
import type { CallRecord, OutcomeCode, RecordStore } from "./model.ts";

/** What the store needs of a logger. */
export interface StoreLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export interface SqliteRecordStoreOptions {
  /** Database file, or `:memory:`. */
  readonly file: string;
  /** Most records kept, and most bytes of the disk that they may take; the oldest go first. */
  readonly maxRecords?: number;
  readonly maxBytes?: number;
  /** Older records are deleted; 0 keeps the newest thousand in memory only. */
  readonly retentionDays: number;
  readonly masking?: Masking;
  readonly log: StoreLog;
  /** Wall time in milliseconds. */
  readonly wall?: () => number;
  /** Records kept in memory while the database takes none; the oldest are given up beyond that. */
  readonly maxPending?: number;
  /** Milliseconds from a record to its being written. 0: only `flush` writes. */
  readonly flushAfter?: number;
}

const day = 86_400_000;
const UNBOUNDED = Number.MAX_SAFE_INTEGER;
/** Of the records, what goes at a time when they take too much of the disk. */
const TENTH = 0.1;
const keptWithoutRetention = 1000;
/** While the database fails, writing is tried again so often. */
const retryAfter = 5000;

type Query = Parameters<RecordStore["list"]>[0];

/**
 * Records in SQLite, written in batches a moment after the call: a call never waits for the disk, and a disk that is full is said once, not
 * once a call. What is not yet written is listed all the same.
 */
export class SqliteRecordStore implements RecordStore {
  readonly #options: Required<SqliteRecordStoreOptions>;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  #pending: CallRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #prunedAt = Number.NEGATIVE_INFINITY;
  #failing = false;
  #givenUp = 0;
  #closed = false;
  #sizeSaid = false;

  /** Throws when the database cannot be opened: that is a mistake of the configuration, told at start. */
  constructor(options: SqliteRecordStoreOptions) {
    this.#options = {
      masking: "none",
      wall: Date.now,
      maxPending: 10_000,
      flushAfter: 250,
      maxRecords: UNBOUNDED,
      maxBytes: UNBOUNDED,
      ...options,
    };
    const file = options.retentionDays === 0 ? ":memory:" : options.file;
    if (file !== ":memory:") privateDatabase(file);
    this.#database = new DatabaseSync(file);
    this.#database.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 50;
      PRAGMA journal_size_limit = 8388608;
      CREATE TABLE IF NOT EXISTS records (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ended INTEGER NOT NULL, meeting TEXT, outcome TEXT NOT NULL, body TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS records_ended ON records (ended);
      DROP INDEX IF EXISTS records_meeting;
      CREATE INDEX IF NOT EXISTS records_of_meeting ON records (meeting);`);
    this.#insert = this.#database.prepare("INSERT OR REPLACE INTO records (id, ended, meeting, outcome, body) VALUES (?, ?, ?, ?, ?)");
    this.#prune();
  }

  add(record: CallRecord): void {
    if (this.#closed) return;
    this.#pending.push(maskRecord(record, this.#options.masking));
    if (this.#pending.length > this.#options.maxPending) {
      this.#pending.shift();
      this.#givenUp++;
    }
    this.#schedule(this.#failing ? retryAfter : this.#options.flushAfter);
  }

  /** Writes what is pending. Never throws: a failure is logged when it starts, its end likewise. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0 || this.#write()) this.#prune();
    else this.#schedule(retryAfter);
  }

  list(query: Query): CallRecord[] {
    const { limit } = query;
    const pending = this.#pending.filter((record) => matches(record, query)).reverse();
    let from = 0;
    if (query.before !== undefined) {
      const at = pending.findIndex((record) => record.id === query.before);
      if (at >= 0) from = at + 1;
      // A cursor that is not pending has been written: everything pending is newer.
      else if (Number.isNaN(timeOf(query.before))) from = pending.length;
    }
    const fresh = pending.slice(from, from + limit);
    return fresh.length < limit ? [...fresh, ...this.#select({ ...query, limit: limit - fresh.length })] : fresh;
  }

  get(id: string): CallRecord | undefined {
    const pending = this.#pending.findLast((record) => record.id === id);
    if (pending) return pending;
    const row = this.#database.prepare("SELECT body FROM records WHERE id = ?").get(id);
    return row && (JSON.parse(row["body"] as string) as CallRecord);
  }

  count({ meetingId, outcome }: Pick<Query, "meetingId" | "outcome">, most: number): number {
    const wanted = { limit: most, ...(meetingId === undefined ? {} : { meetingId }), ...(outcome === undefined ? {} : { outcome }) };
    const pending = this.#pending.filter((record) => matches(record, wanted)).length;
    const where = [...(meetingId === undefined ? [] : ["meeting = ?"]), ...(outcome === undefined ? [] : ["outcome = ?"])];
    const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
    const values = [meetingId, outcome].filter((value) => value !== undefined);
    const row = this.#database.prepare(`SELECT count(*) AS n FROM (SELECT 1 FROM records ${condition} LIMIT ?)`).get(...values, most);
    return Math.min(most, pending + (row!["n"] as number));
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    clearTimeout(this.#timer);
    this.#closed = true;
    if (this.#pending.length > 0)
      this.#options.log.warn({ records: this.#pending.length }, "call records are lost: the database still takes none");
    this.#database.close();
  }

  #schedule(after: number): void {
    if (this.#timer || after === 0 || this.#closed) return;
    this.#timer = setTimeout(() => this.flush(), after);
    this.#timer.unref();
  }

  #write(): boolean {
    const { log } = this.#options;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const record of this.#pending) {
        this.#insert.run(record.id, Date.parse(record.endedAt), record.meetingId, record.outcome, JSON.stringify(record));
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      if (!this.#failing) log.warn({ error: (error as Error).message }, "call records cannot be written; kept in memory until they can");
      this.#failing = true;
      return false;
    }
    if (this.#failing) log.info({ records: this.#pending.length, lost: this.#givenUp }, "call records are written again");
    this.#failing = false;
    this.#givenUp = 0;
    this.#pending = [];
    return true;
  }

  /** Deletes what is too old, at most once an hour, and what is too much. */
  #prune(): void {
    const now = this.#options.wall();
    const { retentionDays, log } = this.#options;
    try {
      this.#pruneBySize();
      if (retentionDays === 0) {
        this.#database.prepare("DELETE FROM records WHERE seq <= (SELECT max(seq) FROM records) - ?").run(keptWithoutRetention);
      } else if (now - this.#prunedAt >= 3_600_000) {
        this.#prunedAt = now;
        const { changes } = this.#database.prepare("DELETE FROM records WHERE ended < ?").run(now - retentionDays * day);
        if (changes) log.info({ records: Number(changes) }, "call records past their retention deleted");
      }
    } catch (error) {
      log.warn({ error: (error as Error).message }, "old call records cannot be deleted now");
    }
  }

  /** Pages of what is deleted are used again by later records: the file grows no further. */
  #pruneBySize(): void {
    const { maxRecords, maxBytes, log } = this.#options;
    const span = this.#database.prepare("SELECT min(seq) AS first, max(seq) AS last FROM records").get();
    const [first, last] = [Number(span?.["first"] ?? 0), Number(span?.["last"] ?? 0)];
    let from = Math.max(first, last - maxRecords + 1);
    const pragma = (name: string) => Number(Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
    const bytes = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
    if (bytes > maxBytes) from = Math.max(from, first + Math.ceil((last - first + 1) * TENTH));
    if (from <= first) return;
    const { changes } = this.#database.prepare("DELETE FROM records WHERE seq < ?").run(from);
    if (this.#sizeSaid || !changes) return;
    this.#sizeSaid = true;
    log.warn({ records: Number(changes), maxRecords, maxBytes }, "the oldest call records are deleted: there are as many as may be");
  }

  #select(query: Query): CallRecord[] {
    const where: string[] = [];
    const values: SQLInputValue[] = [];
    const add = (condition: string, ...given: SQLInputValue[]): void => {
      where.push(condition);
      values.push(...given);
    };
    if (query.meetingId !== undefined) add("meeting = ?", query.meetingId);
    if (query.outcome !== undefined) add("outcome = ?", query.outcome);
    if (query.before !== undefined) {
      const cursor = this.#database.prepare("SELECT seq FROM records WHERE id = ?").get(query.before);
      if (cursor) add("seq < ?", cursor["seq"] as number);
      else if (!Number.isNaN(timeOf(query.before))) add("ended < ?", timeOf(query.before));
    }
    const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
    const rows = this.#database
      // in the order they came: by the time of day, a clock that was set back would hide the newest behind older ones
      .prepare(`SELECT body FROM records ${condition} ORDER BY seq DESC LIMIT ?`)
      .all(...values, query.limit);
    return rows.map((row) => JSON.parse(row["body"] as string) as CallRecord);
  }
}

/** A cursor that is a time, in milliseconds; NaN for one that is a record's id. `Date.parse` alone takes `call-8` for August. */
function timeOf(cursor: string): number {
  return /^\d{4}-\d{2}-\d{2}T/.test(cursor) ? Date.parse(cursor) : Number.NaN;
}

function matches(record: CallRecord, query: Query): boolean {
  const wanted = <T>(value: T | undefined, actual: T | null): boolean => value === undefined || value === actual;
  const time = timeOf(query.before ?? "");
  const earlier = Number.isNaN(time) || Date.parse(record.endedAt) < time;
  return earlier && wanted<OutcomeCode>(query.outcome, record.outcome) && wanted<string>(query.meetingId, record.meetingId);
}
