import type { EventEmitter } from "node:events";
import type { CallFailure } from "../base/call-failure.ts";

/** What the media server measures of a session's audio; shape of meetings/model.ts's AudioStats. */
export interface MediaStats {
  readonly codec: string;
  readonly srtp: string | null;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly lossPercent: number;
  readonly jitterMs: number;
}

export interface MediaSessionEvents {
  /** One key, from RTP (RFC 4733) or from tones in the audio. */
  dtmf: [key: { readonly digit: string; readonly durationMs: number }];
  /** The session is gone without our doing: the media server ended it or is lost. Nothing follows. */
  gone: [why: CallFailure];
}

/** What happens to a member of a conference. */
export interface ConferenceMemberEvents {
  talking: [talking: boolean];
  /** It has the conference's floor now: it is the one to be shown. */
  floor: [];
  /** Never of the media server's own conference; for who passes on a member's events with others. */
  muted: [muted: boolean];
  /** The media server has put it out. */
  removed: [];
}

/** A session's place in a conference of the media server. After `leave` or `removed` its methods do nothing. */
export interface ConferenceMember {
  on<E extends keyof ConferenceMemberEvents>(event: E, listener: (...args: ConferenceMemberEvents[E]) => void): this;
  /** Runs when the place is given up, however that comes. */
  onVacated(listener: () => void): void;
  setMuted(muted: boolean): Promise<void>;
  /** Plays files to this member alone, one after the other. Resolves when they are queued. */
  play(files: readonly string[]): Promise<void>;
  /** Out of the conference; the session stays. */
  leave(): Promise<void>;
  /** Gives the place up without a word to the media server, whose session is gone or is about to be. */
  vacate(): void;
}

/** The audio of one leg at the media server. After `close` or `gone` its methods reject or do nothing. */
export interface MediaSession extends Pick<EventEmitter<MediaSessionEvents>, "on" | "once" | "off"> {
  readonly id: string;
  /** What its messages with the media server are traced by; undefined where they are not. */
  readonly traceKey?: string;
  /** The media server's description: the answer to the offer the session was opened with, or its own offer. */
  readonly localSdp: string;
  readonly closed: boolean;
  /** Completes a session opened without an offer. */
  accept(answer: string): Promise<void>;
  /** A new offer of the far end; resolves with the media server's answer. */
  modify(offer: string): Promise<string>;
  /**
   * What the media server could do, as a new offer: every codec, and a key for each suite where the call is encrypted. The answer follows by `modify`. Null
   * where it does not say: then its last description is what it can do.
   */
  offer(): Promise<string | null>;
  /** Sends to the far end from now on, where the first description said that nothing is to be sent yet. */
  release(): Promise<void>;
  /** Plays files one after the other; resolves with whether they came to their end (true) or were stopped (false). */
  play(files: readonly string[]): Promise<boolean>;
  /** Plays one file again and again until it is stopped or replaced; resolves then. */
  loop(file: string): Promise<void>;
  stopPlaying(): Promise<void>;
  /** Records what is heard from the far end, at most `maxMs`; resolves when it has ended. */
  record(file: string, maxMs: number): Promise<void>;
  stopRecording(): Promise<void>;
  /** Sends keys to the far end as telephone events, or tones where it takes none: `1234#`, `W` waits a second, `@160` behind them says how long each sounds. */
  press(keys: string): Promise<void>;
  /** Whether keys are heard in the sound itself, from a far end that has no telephone events (RFC 4733). They come as `dtmf`. */
  hearTones(on: boolean): Promise<void>;
  /** Joins a conference of the media server, which comes into being with its first member. Rejects when the media server does not let it in. */
  joinConference(name: string, muted: boolean): Promise<ConferenceMember>;
  /** Null when the media server does not say. */
  stats(): Promise<MediaStats | null>;
  close(): Promise<void>;
}

export interface MediaPortEvents {
  connected: [];
  /** The connection is lost; every session has said `gone` or is about to. It is being sought anew. */
  lost: [reason: string];
}

/** The media server. One connection, which mends itself. */
export interface MediaPort extends Pick<EventEmitter<MediaPortEvents>, "on" | "once" | "off"> {
  readonly connected: boolean;
  /** A session that answers `offer`. */
  open(offer: string): Promise<MediaSession>;
  /**
   * A session that makes the offer, in `localSdp`. `soon`: the answer follows within seconds (delayed offer); `later`: at some time (we call somebody).
   * @param secure keys are offered (RTP/SAVP)
   */
  openWithoutOffer(options: { readonly secure: boolean; readonly answer: "soon" | "later" }): Promise<MediaSession>;
  close(): Promise<void>;
}
