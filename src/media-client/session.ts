import { EventEmitter } from "node:events";
import { CallFailure } from "../base/call-failure.ts";
import type { ConferenceMember, MediaSession, MediaSessionEvents, MediaStats } from "../call-media/media-server.ts";
import { CAUSE, parseReason } from "../legs/cause.ts";
import { type Dialog, describeResponse, reinvite } from "../legs/sip/drachtio.ts";
import { createEndpoint, type Endpoint, type EslConnection, gather, type MediaServer, slim } from "./drachtio-fsmrf.ts";
import { joinConference } from "./conference-member.ts";
import { parseDump, readStats } from "./stats.ts";

/** The media server's applications that hear DTMF tones, and do no longer. An application it does not know would end the call. */
export interface ToneDetector {
  readonly start: string;
  readonly stop: string;
  /** `variable=value` of the channel, which it reads when it starts. */
  readonly settings?: readonly string[];
}

/** A session that makes the offer has no dialog before it is answered. */
interface Opening {
  readonly server: MediaServer;
  readonly traceKey: string;
  readonly detector: ToneDetector;
  readonly localSdp: string;
  readonly complete?: (answer: string) => Promise<void>;
  readonly abandon?: () => Promise<void>;
}

/** FreeSWITCH's cause of a hangup for want of packets (`switch_channel_str2cause`), in the Reason of its BYE and in its events. */
const MEDIA_TIMEOUT = "MEDIA_TIMEOUT";

function lostServer(message: string): CallFailure {
  return new CallFailure({ code: "media-server-lost", by: "media-server", q850: CAUSE.switchCongestion, message });
}

/** The library's event for keys counts their length in samples of 8 kHz. */
const SAMPLES_PER_MS = 8;

/** One leg at the media server: its SIP dialog and its event-socket connection. */
export class FsmrfSession extends EventEmitter<MediaSessionEvents> implements MediaSession {
  readonly #opening: Opening;
  #dialog: Dialog | undefined;
  #endpoint: Endpoint | undefined;
  #closed = false;
  #localSdp: string;
  #playing: symbol | null = null;
  #changes: Promise<void> = Promise.resolve();
  /** What ends every wait for the media server when the session is gone. A promise to race against would keep each answer as long as the call lasts. */
  readonly #waits = new Set<() => void>();
  readonly #whenClosed: (() => void)[] = [];

  constructor(opening: Opening) {
    super();
    this.#opening = opening;
    this.#localSdp = opening.localSdp;
  }

  get id(): string {
    return this.#endpoint?.uuid ?? "";
  }

  get traceKey(): string {
    return this.#opening.traceKey;
  }

  get localSdp(): string {
    return this.#localSdp;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** For the conference of this media server, which is made of endpoints. Throws when the session is not up. */
  get endpoint(): Endpoint {
    if (!this.#endpoint || this.#closed) throw new Error("the media session is not up");
    return this.#endpoint;
  }

  onClosed(listener: () => void): void {
    this.#whenClosed.push(listener);
  }

  /** Dialog and connection are there. */
  attach(dialog: Dialog, connection: EslConnection, server: MediaServer): void {
    if (this.#closed) {
      void dialog.destroy({}).catch(() => undefined);
      return;
    }
    this.#dialog = dialog;
    gather(connection);
    const endpoint = createEndpoint(connection, dialog, server);
    this.#endpoint = endpoint;
    slim(connection);
    endpoint.on("dtmf", ({ dtmf, duration }) =>
      this.emit("dtmf", { digit: dtmf, durationMs: Math.round(Number(duration ?? 800) / SAMPLES_PER_MS) }),
    );
    if (!dialog.connected) {
      this.#gone("it hung up at once");
      return;
    }
    dialog.once("destroy", (request) => this.#gone(parseReason(request.get("Reason"))?.text ?? ""));
    endpoint.once("destroy", (detail) => this.#gone(detail?.reason ?? ""));
    connection.once("esl::end", () => this.#gone("its connection was closed"));
  }

  /** The media server is gone, and this with it. */
  lost(): void {
    this.#end(lostServer("the media server is lost"));
  }

  joinConference(name: string, muted: boolean): Promise<ConferenceMember> {
    return joinConference(this, name, muted);
  }

  async accept(answer: string): Promise<void> {
    if (this.#closed) throw new Error("the media session is closed");
    if (this.#opening.complete && !this.#dialog) return this.#opening.complete(answer);
    await this.modify(answer);
  }

  async modify(offer: string): Promise<string> {
    const turn = this.#changes.then(() => this.#modify(offer));
    // one after the other (RFC 3261 section 14.1); one that failed does not keep the next from its turn
    this.#changes = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #modify(offer: string): Promise<string> {
    const dialog = this.#dialog;
    if (!dialog || this.#closed) throw new Error("the media session is not up");
    const response = await reinvite(dialog, offer);
    if (response.status >= 300) throw new Error(describeResponse(response));
    this.#localSdp = response.body ?? "";
    return this.#localSdp;
  }

  /** FreeSWITCH, which knows no such command, answers with an error in its place. */
  async offer(): Promise<string | null> {
    const event = await this.#wait(this.endpoint.api("uuid_offer_media", [this.id])).catch(() => null);
    const said = event?.getBody() ?? "";
    return said.startsWith("v=0") ? said : null;
  }

  /** The embedded media server holds what it sends; FreeSWITCH, which sends only what it is told to play, does not know the command. */
  async release(): Promise<void> {
    await this.#wait(this.endpoint.api("uuid_release_media", [this.id])).catch(() => undefined);
  }

  async play(files: readonly string[]): Promise<boolean> {
    if (files.length === 1) return this.#run("playback", files[0]!);
    await this.#wait(this.endpoint.execute("set", "playback_delimiter=!"));
    return this.#run("playback", files.join("!"));
  }

  async loop(file: string): Promise<void> {
    await this.#run("endless_playback", file);
  }

  async stopPlaying(): Promise<void> {
    if (this.#playing === null || this.#closed) return;
    this.#playing = null;
    await this.#wait(this.endpoint.api("uuid_break", [this.id, "all"]));
  }

  async record(file: string, maxMs: number): Promise<void> {
    await this.#run("record", `${file} ${Math.max(1, Math.ceil(maxMs / 1000))}`);
  }

  async stopRecording(): Promise<void> {
    await this.stopPlaying();
  }

  async press(keys: string): Promise<void> {
    await this.#wait(this.endpoint.api("uuid_send_dtmf", [this.id, keys]));
  }

  async hearTones(on: boolean): Promise<void> {
    const { detector } = this.#opening;
    const endpoint = this.endpoint;
    // All are sent before the first is waited for, or one that comes meanwhile would overtake.
    const settings = on ? (detector.settings ?? []).map((setting) => endpoint.execute("set", setting)) : [];
    await this.#wait(Promise.all([...settings, endpoint.execute(on ? detector.start : detector.stop, "")]));
  }

  async stats(): Promise<MediaStats | null> {
    if (!this.#endpoint || this.#closed) return null;
    const endpoint = this.#endpoint;
    // the library's own reading of the dump makes whole numbers of fractions
    const dump = endpoint.api("uuid_set_media_stats", this.id).then(() => endpoint.api("uuid_dump", this.id));
    const event = await this.#wait(dump).catch(() => null);
    return event && readStats(parseDump(event.getBody()));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const dialog = this.#dialog;
    this.#finish();
    if (dialog?.connected) await dialog.destroy({}).catch(() => undefined);
    else if (!dialog) await this.#opening.abandon?.().catch(() => undefined);
  }

  /** Runs an application that takes its time; true when it came to its end, false when it was stopped or replaced. */
  async #run(application: string, argument: string): Promise<boolean> {
    const endpoint = this.endpoint;
    await this.stopPlaying();
    const mine = Symbol(application);
    this.#playing = mine;
    const event = await this.#wait(endpoint.execute(application, argument));
    const ended = this.#playing === mine;
    if (ended) this.#playing = null;
    const response = event?.getHeader("Application-Response");
    if (response === "FILE NOT FOUND") throw new Error(`the media server has no ${argument}`);
    return ended;
  }

  /** What the media server owes us, or null when it will not come any more. */
  #wait<T>(promise: Promise<T>): Promise<T | null> {
    if (this.#closed) {
      promise.catch(() => undefined);
      return Promise.resolve(null);
    }
    return new Promise((resolve, reject) => {
      const over = () => resolve(null);
      this.#waits.add(over);
      promise.then(resolve, reject).finally(() => this.#waits.delete(over));
    });
  }

  /** `cause`: of the media server's hangup, by its name there. */
  #gone(cause: string): void {
    if (cause === MEDIA_TIMEOUT) {
      const message = "no packets came from the far end any more";
      this.#end(new CallFailure({ code: "media-timeout", by: "network", q850: CAUSE.timerExpiry, message }));
    } else this.#end(lostServer(`the media server ended the session${cause === "" ? "" : `: ${cause}`}`));
  }

  #end(why: CallFailure): void {
    if (this.#closed) return;
    const dialog = this.#dialog;
    this.#finish();
    this.emit("gone", why);
    if (dialog?.connected) void dialog.destroy({}).catch(() => undefined);
  }

  #finish(): void {
    this.#closed = true;
    this.#playing = null;
    for (const over of this.#waits) over();
    this.#waits.clear();
    for (const listener of this.#whenClosed.splice(0)) listener();
  }
}
