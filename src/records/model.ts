import type { Blame } from "../base/call-failure.ts";
import type { Protocol, Trust } from "../meetings/model.ts";

/** Stable codes of every way a call ends or is refused; operators search for these. */
export type OutcomeCode =
  | "completed"
  | "cancelled"
  | "no-such-meeting"
  | "end-to-end-encrypted"
  | "srtp-not-acceptable"
  | "srtp-required"
  | "media-not-acceptable"
  | "trunk-unknown"
  | "trunk-certificate"
  | "certificate-absent"
  | "certificate-unknown-ca"
  | "certificate-expired"
  | "certificate-not-yet-valid"
  | "certificate-revoked"
  | "certificate-status-missing"
  | "certificate-purpose"
  | "certificate-name"
  | "certificate-invalid"
  | "certificate-refused"
  | "trunk-credentials"
  | "token-invalid"
  | "token-expired"
  | "token-revoked"
  | "token-other-meeting"
  | "trunk-limit"
  | "scanner"
  | "meeting-full"
  | "meeting-locked"
  | "overload"
  | "draining"
  | "unknown-site"
  | "wrong-pin"
  | "pin-locked-out"
  | "no-input"
  | "removed"
  | "lobby-timeout"
  | "host-timeout"
  | "meeting-ended"
  | "media-timeout"
  | "media-server-lost"
  | "signalling-lost"
  | "no-answer"
  | "far-end-refused"
  | "far-end-unreachable"
  | "session-expired"
  | "bad-request"
  | "internal-error";

/** One call, as kept after it has ended. Personal data: the caller's address only, masked and deleted as the configuration says. */
export interface CallRecord {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly protocol: Protocol;
  readonly transport: string;
  readonly trunk: string | null;
  readonly trust: Trust;
  readonly from: string;
  readonly to: string;
  readonly meetingId: string | null;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string;
  readonly outcome: OutcomeCode;
  /** Who ended it; absent in records of older versions, and in those that sum up several calls. */
  readonly endedBy?: Blame;
  /** The reason in words an operator can act on. */
  readonly reason: string;
  /** SIP status of a refusal; null for a call that was answered, and for one whose far end sent none. */
  readonly sipStatus: number | null;
  /** Q.850. */
  readonly cause: number;
  readonly codec: string | null;
  readonly srtp: string | null;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly lossPercent: number | null;
  readonly jitterMs: number | null;
}

/** Where records go; one owner (decision 0008). */
export interface RecordStore {
  /** Keeps a record. A store that fails (a full disk) says so once in the log, keeps what it can in memory, and never throws into a call. */
  add(record: CallRecord): void;
  /** One record; undefined where there is none of this identifier. */
  get(id: string): CallRecord | undefined;
  /** How many there are; at most `most`, which bounds the work. */
  count(query: { meetingId?: string; outcome?: OutcomeCode }, most: number): number;
  /** Newest first. */
  list(query: { limit: number; before?: string; meetingId?: string; outcome?: OutcomeCode }): CallRecord[];
  close(): void;
}
