// What the relay and its threads say to each other. Plain data only: it crosses thread boundaries.

import { findSuite, type SrtpKeying } from "../srtp/index.ts";
import type { LineAgreement, PlacedLine, Shown, UnsuitedPicture, VideoCounts, VideoStats } from "../video/index.ts";

/** A key on its way to a thread: the suite by name, since a copy of a suite is not the suite. */
interface PlainKeying {
  readonly suite: string;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
  readonly mki: Uint8Array | undefined;
}

/** {@link LineAgreement} on its way to a thread. */
export type PlainAgreement = Omit<LineAgreement, "srtp"> & {
  readonly srtp: { readonly local: PlainKeying; readonly remote: PlainKeying } | null;
};

export function packAgreement(agreement: LineAgreement): PlainAgreement {
  const { srtp } = agreement;
  return { ...agreement, srtp: srtp && { local: packKeying(srtp.local), remote: packKeying(srtp.remote) } };
}

/** Copies, since a view into a shared slab would take the whole slab along, other calls' keys with it. */
function packKeying({ suite, masterKey, masterSalt, mki }: SrtpKeying): PlainKeying {
  return {
    suite: suite.name,
    masterKey: new Uint8Array(masterKey),
    masterSalt: new Uint8Array(masterSalt),
    mki: mki && new Uint8Array(mki),
  };
}

export function unpackAgreement(agreement: PlainAgreement): LineAgreement {
  const { srtp } = agreement;
  return { ...agreement, srtp: srtp && { local: unpackKeying(srtp.local), remote: unpackKeying(srtp.remote) } };
}

function unpackKeying({ suite, masterKey, masterSalt, mki }: PlainKeying): SrtpKeying {
  const found = findSuite(suite);
  if (!found) throw new RangeError(`unknown SRTP suite ${suite}`);
  return { suite: found, masterKey, masterSalt, ...(mki ? { mki } : {}) };
}

/** Relay to thread. `req` is answered by a message with the same number. */
export type ToWorker =
  /** With `port`: a line that comes from another thread. */
  | { readonly t: "open"; readonly req: number; readonly id: string; readonly port: number | undefined }
  /** The line goes to another thread: its ports are given up without a goodbye. */
  | { readonly t: "release"; readonly req: number; readonly id: string }
  | { readonly t: "configure"; readonly id: string; readonly agreement: PlainAgreement }
  | { readonly t: "keyframe"; readonly id: string }
  | { readonly t: "limit"; readonly id: string; readonly bitsPerSecond: number | null }
  | { readonly t: "stats"; readonly req: number; readonly id: string }
  | { readonly t: "close"; readonly req: number; readonly id: string }
  | { readonly t: "join"; readonly meetingId: string; readonly seat: number; readonly participantId: string }
  | { readonly t: "arrange"; readonly seat: number; readonly lines: readonly PlacedLine[] }
  | { readonly t: "leave"; readonly seat: number }
  | { readonly t: "speaker"; readonly meetingId: string; readonly participantId: string }
  | { readonly t: "presenter"; readonly meetingId: string; readonly participantId: string | null }
  | { readonly t: "exit" };

/** Thread to relay. */
export type FromWorker =
  | { readonly t: "opened"; readonly req: number; readonly port: number; readonly rtcpPort: number }
  | { readonly t: "stats"; readonly req: number; readonly stats: VideoStats }
  | { readonly t: "closed"; readonly req: number }
  | { readonly t: "failed"; readonly req: number; readonly message: string }
  | { readonly t: "keyframe"; readonly id: string }
  | { readonly t: "bitrate"; readonly id: string; readonly bitsPerSecond: number }
  | { readonly t: "silent"; readonly id: string }
  | { readonly t: "unsuited"; readonly id: string; readonly picture: UnsuitedPicture | null }
  /** A mistake of ours cost this line: its sockets are closed. */
  | { readonly t: "broken"; readonly id: string; readonly reason: string }
  /** A mistake of ours in a meeting's choices. */
  | { readonly t: "trouble"; readonly reason: string }
  | { readonly t: "shown"; readonly event: Shown }
  /** A second's, while there are lines: what was counted since the last, and how late the thread's clock was at worst. */
  | { readonly t: "counted"; readonly counts: VideoCounts; readonly lateMs: number };
