import type { EventEmitter } from "node:events";
import type { CallEnding } from "../base/call-failure.ts";
import { maskDialled, maskName } from "../base/pin-mask.ts";

/** Who is at the far end of a leg, before anybody has decided what to think of it. */
export interface LegInfo {
  /** SIP Call-ID, H.323 call identifier, a page's visit: what operators search both ends' logs for. */
  readonly callId: string;
  readonly protocol: "sip" | "h323" | "web";
  readonly direction: "in" | "out";
  /** `udp`, `tcp`, `tls`, `ws`, `wss`; `tcp` in H.323, `ws` or `wss` of a page. */
  readonly transport: string;
  /** Source (in) or target (out) address without port. */
  readonly address: string;
  /** URI of the far end, as a record keeps it. */
  readonly from: string;
  /** URI of the near end: what was dialled, or what we call. PINs of dial strings are taken out. */
  readonly to: string;
  readonly displayName: string;
  readonly userAgent: string | undefined;
  /** Version, suite and group of the signalling's TLS where it is known when the leg is made: of a caller. */
  readonly tls?: string | undefined;
}

/** Nothing that may be a PIN in what is shown of a call: what was dialled, and names, which may have been dialled elsewhere. */
export function maskedInfo(info: LegInfo): LegInfo {
  return { ...info, from: maskDialled(info.from), to: maskDialled(info.to), displayName: maskName(info.displayName) };
}

/** What a SIP dialog is known by (RFC 3261 section 12), as this side sees it. */
export interface DialogIdentifiers {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

/** How a call is refused before it is answered. */
export interface Refusal {
  /** SIP status; an H.323 leg takes `cause`. */
  readonly status: number;
  /** Q.850. */
  readonly cause: number;
  /** For people: reason phrase, Warning text. */
  readonly text: string;
  /** RFC 3261 section 20.43 warning code. */
  readonly warning?: number;
  readonly retryAfterSeconds?: number;
  /** WWW-Authenticate values, for 401. */
  readonly challenges?: readonly string[];
  /** Send nothing at all: the caller is a scanner. */
  readonly silent?: boolean;
}

/** The far end refused a change of media that we offered; nothing has changed. */
export class ChangeRefused extends Error {
  override name = "ChangeRefused";
  /** Q.850. */
  readonly q850: number;
  constructor(text: string, q850: number) {
    super(text);
    this.q850 = q850;
  }
}

/** The far end owes an answer to an offer of ours, and has not given one. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** The far end wants other media: a re-INVITE or UPDATE, new H.245 channels. Exactly one of `accept` and `reject` is called. */
export interface MediaChange {
  /** The new offer; null: they ask for ours and answer it. */
  readonly offer: string | null;
  /**
   * The first codec of the offer is what they take from now on, whatever was in force: an H.245 channel is of one
   * codec.
   */
  readonly switches?: boolean;
  /** Resolves with their answer where `offer` was null, with null otherwise. */
  accept(sdp: string): Promise<string | null>;
  /** Where `offer` was null and no answer came that can be taken: `sdp` is our description in force. */
  withdrawn?(sdp: string): void;
  /** They keep what they had. */
  reject(cause: number, text: string): void;
}

/** The far end wants to be replaced by another party: REFER, H.450.2. `progress` may be called until a final status (200 and up) is told. */
export interface TransferRequest {
  readonly target: string;
  /** Value for a Replaces header of the call to `target`, where the transfer was consulted. */
  readonly replaces: string | undefined;
  accept(): void;
  reject(status: number): void;
  progress(status: number): void;
}

export interface LegEvents {
  ended: [end: CallEnding];
  /** One key, from signalling; keys in the media come from the media session. */
  dtmf: [key: { readonly digit: string; readonly durationMs: number }];
  change: [change: MediaChange];
  /** Whether the far end has telephone events (RFC 4733) is known now, or otherwise than before: {@link Leg.telephoneEvents}. */
  "telephone-events": [];
  /** The far end's answer to a session refresh of ours, in which nothing of ours changed (RFC 4028 section 7.4). */
  refreshed: [answer: string];
  transfer: [request: TransferRequest];
  /** The far end cannot decode what it gets on line `line` of the description (from 0) and asks for a picture that stands alone: RFC 5168, H.245. */
  keyframe: [line: number];
  /** The far end asks, by OPTIONS in its dialog, how far its call has come; `tell` takes what the answer says, a token. */
  standing: [tell: (state: string) => void];
  /** The far end takes at most this on a line by H.245 flowControlCommand, bits per second; null: no limit any more. */
  bitrate: [limit: { readonly line: number; readonly bitsPerSecond: number | null }];
}

export interface ContentControlEvents {
  /** The far end wants to show its screen; exactly one of `grant` and `deny` follows. */
  request: [];
  /** It has stopped showing it. */
  release: [];
}

/**
 * Who may present, as one leg sees it: BFCP (RFC 8855) in SIP, H.239 in H.323, the page's own messages in browsers. One presenter at a time is the
 * meeting's rule, not the leg's.
 */
export interface ContentControl extends Pick<EventEmitter<ContentControlEvents>, "on" | "once" | "off"> {
  grant(): void;
  deny(): void;
  /** Somebody else presents from now on; the far end's own screen is not shown any more. */
  revoke(): void;
  /** Tells the far end that somebody else presents (and its content line carries pictures), or that nobody does. */
  announce(presenting: boolean): void;
}

/**
 * One call between us and a far end, whatever its protocol (decision 0003). Media are described in SDP; a protocol without it translates.
 * `offer` is null where the far end waits for ours: delayed offer in SIP, late capabilities in H.323. Events come only after the creator has had the
 * chance to listen. After `ended` nothing comes, and methods do nothing.
 */
export interface Leg extends Pick<EventEmitter<LegEvents>, "on" | "once" | "off"> {
  readonly info: LegInfo;
  readonly offer: string | null;
  readonly answered: boolean;
  readonly ended: boolean;
  /** The address that its last description came from, where its media may come from too; undefined where that is not known, or not the media server's affair. */
  readonly source?: string | undefined;
  /** Its SIP dialog, or the early dialogs of a call of ours that rings: what Replaces (RFC 3891) may name. None of a caller's call that is not answered. */
  readonly dialogs?: readonly (DialogIdentifiers & { readonly early: boolean })[];
  /** False where the far end has none, whatever its description says: in H.245 they are received even from who has not named them. */
  readonly telephoneEvents?: boolean;
  /** Version, suite and key exchange group of the signalling's TLS, `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768`; undefined where there is none, or it is not known. */
  readonly tls?: string | undefined;
  /** What protects the audio between the far end and us where the leg itself ends it (H.235.6, DTLS-SRTP); undefined where SDES does, or nothing. */
  readonly mediaProtection?: string | undefined;
  /** The same of the camera's picture. */
  readonly pictureProtection?: string | undefined;
  /** Where the leg's protocol has content control inside it. */
  readonly content?: ContentControl | undefined;
  /** Tells the caller that it rings, reliably where it demands that. */
  ring(): Promise<void>;
  /**
   * Answers. `sdp` answers `offer`, or is ours to be answered; then resolves with the far end's answer, else with null.
   * Rejects when the caller has given up meanwhile; `ended` tells that too.
   */
  answer(sdp: string): Promise<string | null>;
  refuse(refusal: Refusal): void;
  /** Offers other media; resolves with the answer, rejects with ChangeRefused when it is refused: everything stays as it was. */
  change(offer: string): Promise<string>;
  /** Asks the far end to call `target` instead of us; resolves with whether it has reached it. */
  transfer(target: string): Promise<boolean>;
  /** Asks the far end for a picture that stands alone on line `line` of the description (from 0), by signalling: RFC 5168, H.245. */
  requestKeyframe?(line: number): void;
  /** Asks the far end to send at most this on a line, bits per second; null lifts the limit. H.245 flowControlCommand. */
  limitBitrate?(line: number, bitsPerSecond: number | null): void;
  /** Presses a key by signalling. False: it is the media's to do, as always where this is absent. */
  press?(key: string): boolean;
  /** Tells the far end whom line `line` of the description (from 0) shows now, where its protocol can say so; null for nobody. */
  shown?(line: number, participantId: string | null, stream: "camera" | "screen"): void;
  /** Ends an answered leg, or gives an outgoing one up. Resolves when the far end knows, or when that is not to be expected any more. */
  end(cause: number, text: string): Promise<void>;
}
