import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { MediaPort, MediaPortEvents, MediaSession } from "../call-media/media-server.ts";
import { callProof, PROOF_HEADER } from "../wire/esl/index.ts";
import type { Dialog, LateDialog, Srf } from "../legs/sip/drachtio.ts";
import { type ConnectOptions, createMrf, type EslConnection, gather, type MediaServer } from "./drachtio-fsmrf.ts";
import { type PortTraces, tapConnection } from "./tap.ts";
import { probe } from "./probe.ts";
import { FsmrfSession, type ToneDetector } from "./session.ts";
import { narrowOffer, standInAnswer, unacknowledgedMs } from "./placeholder-answer.ts";

/** The first connection, and each anew, is given up after this long. */
const CONNECT_MS = 3_000;
/** The library gives a media server one second to tell of itself: one on a busy machine needs longer, and is asked so often. */
const READY_ATTEMPTS = 3;
const NOT_READY = /MediaServer not ready/;
/** Between two attempts: doubles from the first to the last. */
const RETRY_MS = { first: 250, last: 5_000 } as const;
/** The media server has answered the INVITE; it connects back within this, or never. */
const CALLBACK_MS = 5_000;

/** FreeSWITCH's detectors: that of mod_spandsp hears more, where it is loaded; that of its core, which the embedded media server has too, is always there. */
const SPANDSP_DETECTOR: ToneDetector = {
  start: "spandsp_start_dtmf",
  stop: "spandsp_stop_dtmf",
  // FreeSWITCH puts silence where a packet is late or lost, and drops some while it stops a prompt, which a first key does: the one key would be two.
  // Measured with spandsp 3.0: the detector sees a gap of at most 38 ms for a packet of 20 ms, of 51 to 64 for a prompt that is stopped.
  settings: ["min_dup_digit_spacing_ms=65"],
};
const CORE_DETECTOR: ToneDetector = { start: "start_dtmf", stop: "stop_dtmf" };

/** What a session's messages are traced by. */
const keyOf = (token: string): string => `media:${token}`;

/** What the port tells its owner's log. */
export type PortLog = (level: "debug" | "info" | "warn" | "error", event: string, fields: Record<string, unknown>) => void;

/**
 * FreeSWITCH, or the embedded media server, through drachtio-fsmrf. Sessions are opened here and not by `createEndpoint`, which refuses RTP/SAVP offers,
 * acknowledges late offers with a stand-in before the answer is there, and so loses keys and direction.
 */
export class FsmrfPort extends EventEmitter<MediaPortEvents> implements MediaPort {
  readonly #srf: Srf;
  readonly #options: ConnectOptions;
  readonly #log: PortLog;
  readonly #traces: PortTraces | undefined;
  readonly #sessions = new Set<FsmrfSession>();
  #server: MediaServer | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs: number = RETRY_MS.first;
  /** Why the last attempt failed, as the log has it. */
  #saidWhy: string | undefined;
  #unacknowledgedMs = unacknowledgedMs("");
  #detector: ToneDetector = CORE_DETECTOR;

  constructor(srf: Srf, options: ConnectOptions, log: PortLog, traces?: PortTraces) {
    super();
    this.#traces = traces;
    this.#srf = srf;
    this.#options = options;
    this.#log = log;
  }

  get connected(): boolean {
    return this.#server !== undefined;
  }

  /** Connects; rejects when the media server is not there or does not let us in. Afterwards a lost connection is mended without being asked. */
  async connect(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connect();
      } catch (error) {
        if (attempt === READY_ATTEMPTS || this.#closed || !(error instanceof Error && NOT_READY.test(error.message))) throw error;
      }
    }
  }

  async #connect(): Promise<void> {
    await probe(this.#options, CONNECT_MS);
    if (this.#closed) return;
    const attempt = createMrf(this.#srf).connect(this.#options);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no event socket at ${this.#options.address}:${this.#options.port}, or not with this password`)),
        CONNECT_MS,
      );
    });
    // it may go away before it has said this, and is then never heard of again
    const asked = attempt.then(async (server) => {
      server.on("error", () => undefined);
      const [ringMs, spandsp] = await Promise.all(
        ["global_getvar ring_ms", "module_exists mod_spandsp"].map((command) => server.api(command).catch(() => "")),
      );
      return { server, ringMs: ringMs!, spandsp: spandsp!.trim() === "true" };
    });
    const { server, ringMs, spandsp } = await Promise.race([asked, late])
      .catch((error: unknown): never => {
        // one that comes too late is not wanted any more
        attempt.then(
          (server) => this.#discard(server),
          () => undefined,
        );
        throw error;
      })
      .finally(() => clearTimeout(timer));
    if (this.#closed) return this.#discard(server);
    this.#unacknowledgedMs = unacknowledgedMs(ringMs);
    this.#detector = spandsp ? SPANDSP_DETECTOR : CORE_DETECTOR;
    this.#server = server;
    gather(server.conn);
    if (this.#traces) tapConnection(server.conn, this.#traces, "");
    server.on("end", () => this.#onLost(server, "the event socket was closed"));
    // reconnecting is ours: the library would go on with the same object and no sessions
    server.conn.on("esl::end", () => this.#discard(server));
    this.#retryMs = RETRY_MS.first;
    this.#saidWhy = undefined;
    this.emit("connected");
  }

  /** An API command of the media server; rejects while there is none. */
  async api(command: string): Promise<string> {
    if (!this.#server) throw new Error("the media server is not connected");
    return this.#server.api(command);
  }

  async open(offer: string): Promise<MediaSession> {
    const { server, token, headers, uri } = this.#prepare({});
    const connection = this.#awaitConnection(server, token);
    try {
      const dialog = await this.#srf.createUAC(uri, { localSdp: offer, headers });
      const session = this.#track(
        new FsmrfSession({ server, traceKey: keyOf(token), detector: this.#detector, localSdp: dialog.remote.sdp ?? "" }),
      );
      return this.#keep(session, dialog, connection.start(), server);
    } catch (error) {
      connection.stop();
      throw error;
    }
  }

  async openWithoutOffer({ secure, answer }: { readonly secure: boolean; readonly answer: "soon" | "later" }): Promise<MediaSession> {
    const { server, token, headers, uri } = this.#prepare(secure ? { "X-Secure-RTP": "true" } : {});
    const connection = this.#awaitConnection(server, token);
    try {
      const late: LateDialog = await this.#srf.createUAC(uri, { headers, noAck: true });
      const { offer, complete } = narrowOffer(late.sdp, secure);
      const acknowledge = async (sdp: string) => {
        await this.#keep(session, await late.ack(complete(sdp)), connection.start(), server);
      };
      // an answer that is long in coming is stood in for, and becomes a re-INVITE: that may change our keys, so it is not the rule
      let placeholder: Promise<void> | undefined;
      const timer =
        answer === "soon"
          ? undefined
          : setTimeout(() => {
              placeholder = acknowledge(standInAnswer(offer));
              placeholder.catch(() => session.lost());
            }, this.#unacknowledgedMs);
      const session: FsmrfSession = new FsmrfSession({
        server,
        traceKey: keyOf(token),
        detector: this.#detector,
        localSdp: offer,
        complete: async (sdp) => {
          clearTimeout(timer);
          if (!placeholder) return acknowledge(sdp);
          await placeholder;
          await session.modify(sdp);
        },
        abandon: async () => {
          clearTimeout(timer);
          connection.stop();
          if (!placeholder) await late.destroy();
        },
      });
      return this.#track(session);
    } catch (error) {
      connection.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await Promise.all([...this.#sessions].map((session) => session.close()));
    const server = this.#server;
    this.#server = undefined;
    if (server) this.#discard(server);
  }

  #prepare(extra: Record<string, string>) {
    const server = this.#server;
    const address = server?.sip.ipv4.udp.address;
    if (!server || !address) throw new Error("the media server is not connected");
    const token = randomUUID();
    const userAgent = `drachtio-fsmrf:${token}`;
    const eventSocket = `${server.advertisedAddress}:${server.advertisedPort}`;
    const { callSecret } = this.#options;
    const headers = {
      ...extra,
      "User-Agent": userAgent,
      "X-esl-outbound": eventSocket,
      ...(callSecret === undefined ? {} : { [PROOF_HEADER]: callProof(callSecret, userAgent, eventSocket) }),
      // The embedded media server connects while its answer is on its way; FreeSWITCH does not know the field and waits for the ACK.
      "X-Crosspoint-Event-Socket": "early",
    };
    return { server, token, headers, uri: `sip:drachtio@${address}` };
  }

  /** The library hands over the connection that belongs to `token`, before or after the SIP dialog is there. */
  #awaitConnection(server: MediaServer, token: string) {
    const arrived = Promise.withResolvers<EslConnection>();
    arrived.promise.catch(() => undefined);
    const take = (connection: EslConnection) => {
      const uuid = connection.getInfo().getHeader("Unique-ID") ?? "";
      if (this.#traces) tapConnection(connection, this.#traces, `esl:${uuid}`);
      this.#traces?.join(keyOf(token), `esl:${uuid}`);
      arrived.resolve(connection);
    };
    // the library clears this timer and would otherwise run it: it is for nothing else
    const entry = { fn: take, connTimeout: setTimeout(() => undefined, 0) };
    server.pendingConnections.set(token, entry);
    const stop = () => {
      server.pendingConnections.delete(token);
      arrived.reject(new Error("the media server did not connect back"));
    };
    return {
      stop,
      start: async () => {
        const timer = setTimeout(stop, CALLBACK_MS);
        return arrived.promise.finally(() => clearTimeout(timer));
      },
    };
  }

  /** Ours until it is closed, however far it came. */
  #track(session: FsmrfSession): FsmrfSession {
    this.#sessions.add(session);
    session.onClosed(() => this.#sessions.delete(session));
    return session;
  }

  async #keep(session: FsmrfSession, dialog: Dialog, connection: Promise<EslConnection>, server: MediaServer): Promise<FsmrfSession> {
    const hungUp = new Promise<never>((_, reject) => {
      dialog.once("destroy", () => reject(new Error("the media server hung up before it connected back")));
    });
    hungUp.catch(() => undefined);
    this.#traces?.join(session.traceKey, `sip:${dialog.sip.callId}`);
    try {
      if (!dialog.connected) throw new Error("the media server hung up at once");
      session.attach(dialog, await Promise.race([connection, hungUp]), server);
      return session;
    } catch (error) {
      this.#sessions.delete(session);
      await dialog.destroy({}).catch(() => undefined);
      throw error;
    }
  }

  #onLost(server: MediaServer, reason: string): void {
    if (this.#server !== server) return;
    this.#server = undefined;
    this.emit("lost", reason);
    for (const session of this.#sessions) session.lost();
    this.#sessions.clear();
    this.#discard(server);
    if (!this.#closed) this.#reconnectLater();
  }

  #reconnectLater(): void {
    this.#retry = setTimeout(() => {
      if (this.#closed) return;
      this.connect().catch((error: unknown) => {
        const why = String(error);
        // said once: it may be away for hours
        this.#log(why === this.#saidWhy ? "debug" : "info", "media-server-retry", { error: why, nextAttemptMs: this.#retryMs });
        this.#saidWhy = why;
        this.#reconnectLater();
      });
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.last);
  }

  /** Lets go of a connection; the library's own reconnecting with it. */
  #discard(server: MediaServer): void {
    clearTimeout(server.conn.reconnectVars?.retryTimer);
    try {
      server.disconnect();
    } catch {
      // it has no socket any more: it is let go of already
    }
  }
}
