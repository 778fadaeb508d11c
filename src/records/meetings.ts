import { DatabaseSync } from "node:sqlite";
import { privateDatabase } from "../security/files.ts";

/** Meetings that the API made, as JSON objects with an `id`. PINs in them are hashes: the caller sees to that. */
export class SqliteMeetingStore<T extends { readonly id: string }> {
  readonly #database: DatabaseSync;

  /** Throws when the database cannot be opened. */
  constructor(file: string) {
    if (file !== ":memory:") privateDatabase(file);
    this.#database = new DatabaseSync(file);
    this.#database.exec("PRAGMA busy_timeout = 1000; CREATE TABLE IF NOT EXISTS meetings (id TEXT PRIMARY KEY, body TEXT NOT NULL)");
  }

  all(): T[] {
    return this.#database
      .prepare("SELECT body FROM meetings ORDER BY id")
      .all()
      .map((row) => JSON.parse(row["body"] as string) as T);
  }

  get(id: string): T | undefined {
    const row = this.#database.prepare("SELECT body FROM meetings WHERE id = ?").get(id);
    return row && (JSON.parse(row["body"] as string) as T);
  }

  /** Throws on a full disk: the API then answers that the meeting was not kept. */
  save(meeting: T): void {
    this.#database.prepare("INSERT OR REPLACE INTO meetings (id, body) VALUES (?, ?)").run(meeting.id, JSON.stringify(meeting));
  }

  remove(id: string): void {
    this.#database.prepare("DELETE FROM meetings WHERE id = ?").run(id);
  }

  close(): void {
    this.#database.close();
  }
}
