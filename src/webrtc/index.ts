import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { ConnectionState, LineSpec, LineTarget, MediaPath, OfferedLine, Order, ProcessSettings, Report } from "./messages.ts";

export type { ConnectionState, LineCodec, LineSpec, LineTarget, MediaPath, OfferedLine, ProcessSettings } from "./messages.ts";

const OPEN_MS = 5_000;
const STOP_MS = 1_000;

export interface WebRtcOptions extends ProcessSettings {
  readonly log: (level: "warn" | "error", message: string) => void;
}

export interface BrowserPeerEvents {
  /** The description to give to the page, of this generation of the connection. */
  offer: [generation: number, sdp: string];
  candidate: [generation: number, candidate: string, mid: string];
  state: [generation: number, state: ConnectionState, protection: string | undefined];
  /** The bridge is gone: its process has ended, or could not do what it was asked. Nothing follows. */
  gone: [reason: string];
}

/** What has become of browsers' connections. */
export interface WebRtcFigures {
  /** Browsers by how their media come; `none`: they do not, or not yet. */
  readonly browsers: Readonly<Record<MediaPath | "none", number>>;
  /** Connections that came about, and those that did not, or broke and did not come back. */
  readonly connected: number;
  readonly failed: number;
  /** Times the process has died. */
  readonly deaths: number;
}

/** What becomes of a connection, for the figures. */
type Fate = "connected" | "failed";

/**
 * One browser: a local UDP socket with plain RTP for each line, and the connection to the page, which may be made anew while the sockets stay.
 */
export class BrowserPeer extends EventEmitter<BrowserPeerEvents> {
  readonly id: string;
  readonly address: string;
  /** Local port of each line, by `mid`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly #order: (order: Order) => void;
  readonly #fate: (fate: Fate) => void;
  #generation = 0;
  #state: ConnectionState = "new";
  /** It was connected once, in this generation. */
  #came = false;
  #path: MediaPath | undefined;
  #closed = false;

  constructor(
    id: string,
    address: string,
    ports: Readonly<Record<string, number>>,
    order: (order: Order) => void,
    fate: (fate: Fate) => void,
  ) {
    super();
    this.#fate = fate;
    this.id = id;
    this.address = address;
    this.ports = ports;
    this.#order = order;
  }

  get generation(): number {
    return this.#generation;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A new connection in place of the one before; `offer` follows. Answers and candidates of the one before are no longer taken. */
  connect(lines: readonly OfferedLine[]): number {
    // nobody asks for another while one is up, or may still come about
    if (this.#generation > 0 && this.#state !== "failed") this.#fate("failed");
    this.#state = "new";
    this.#came = false;
    this.#path = undefined;
    this.#generation++;
    this.#send({ type: "connect", session: this.id, generation: this.#generation, lines });
    return this.#generation;
  }

  /** How its media come; undefined while they do not. */
  get path(): MediaPath | undefined {
    return this.#state === "connected" ? this.#path : undefined;
  }

  retarget(targets: Readonly<Record<string, LineTarget | null>>): void {
    this.#send({ type: "retarget", session: this.id, targets });
  }

  answer(generation: number, sdp: string): void {
    this.#send({ type: "answer", session: this.id, generation, sdp });
  }

  candidate(generation: number, candidate: string, mid: string): void {
    this.#send({ type: "candidate", session: this.id, generation, candidate, mid });
  }

  close(): void {
    this.#send({ type: "close", session: this.id });
    this.#closed = true;
  }

  /** From the process; for `WebRtc` only. */
  told(report: Extract<Report, { session: string }>): void {
    if (this.#closed) return;
    if (report.type === "offer") this.emit("offer", report.generation, report.sdp);
    else if (report.type === "candidate") this.emit("candidate", report.generation, report.candidate, report.mid);
    else if (report.type === "state") this.#became(report);
    else if (report.type === "failed") this.lost(report.reason);
  }

  #became({ generation, state, protection, path }: Extract<Report, { type: "state" }>): void {
    if (generation === this.#generation && state !== this.#state) {
      if (state === "failed" || (state === "connected" && !this.#came)) this.#fate(state);
      if (state === "connected") this.#came = true;
      this.#state = state;
      this.#path = path ?? this.#path;
    }
    this.emit("state", generation, state, protection);
  }

  /** For `WebRtc` only. */
  lost(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.emit("gone", reason);
  }

  #send(order: Order): void {
    if (!this.#closed) this.#order(order);
  }
}

/** The process that ends WebRTC, seen from the gateway. It is started with the first browser, and again with the next one should it have died. */
export class WebRtc {
  readonly #options: WebRtcOptions;
  readonly #peers = new Map<string, BrowserPeer>();
  readonly #opening = new Map<string, PromiseWithResolvers<BrowserPeer>>();
  readonly #counts = { connected: 0, failed: 0, deaths: 0 };
  #child: ChildProcess | undefined;
  #stopped = false;

  constructor(options: WebRtcOptions) {
    this.#options = options;
  }

  /** Of the process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  figures(): WebRtcFigures {
    const browsers = { udp: 0, tcp: 0, relay: 0, none: 0 };
    for (const { path } of this.#peers.values()) browsers[path ?? "none"]++;
    return { browsers, ...this.#counts };
  }

  /** Opens the sockets of a browser's lines. Rejects when the process does not do it. */
  async open(lines: readonly LineSpec[]): Promise<BrowserPeer> {
    if (this.#stopped) throw new Error("WebRTC has stopped");
    const id = randomUUID();
    const opening = Promise.withResolvers<BrowserPeer>();
    this.#opening.set(id, opening);
    const timer = setTimeout(() => opening.reject(new Error("the WebRTC process does not answer")), OPEN_MS);
    try {
      this.#child ??= this.#start();
      this.#order({ type: "open", session: id, lines });
      return await opening.promise;
    } finally {
      clearTimeout(timer);
      this.#opening.delete(id);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#order({ type: "stop" });
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  }

  #start(): ChildProcess {
    const { log, ...settings } = this.#options;
    const child = fork(new URL("./process.ts", import.meta.url), [], { stdio: ["ignore", "ignore", "inherit", "ipc"], execArgv: [] });
    child.on("message", (report: Report) => this.#told(report));
    child.on("error", (error) => log("error", `the WebRTC process: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (!this.#stopped) this.#counts.deaths++;
      if (!this.#stopped) log("error", `the WebRTC process has ended (${signal ?? code}): its browsers' calls are over`);
      for (const { reject } of this.#opening.values()) reject(new Error("the WebRTC process has ended"));
      for (const peer of [...this.#peers.values()]) peer.lost("the WebRTC process has ended");
      this.#peers.clear();
    });
    child.send({ type: "settings", settings } satisfies Order);
    return child;
  }

  #order(order: Order): void {
    if (this.#child?.connected) this.#child.send(order, () => {});
    if (order.type === "close") this.#peers.delete(order.session);
  }

  #told(report: Report) {
    if (report.type === "log") return this.#options.log(report.level, report.message);
    const opening = this.#opening.get(report.session);
    if (report.type === "opened") {
      const order = (one: Order) => this.#order(one);
      const peer = new BrowserPeer(report.session, this.#options.bridgeAddress, report.ports, order, (fate) => this.#counts[fate]++);
      if (!opening) return peer.close();
      this.#peers.set(peer.id, peer);
      return opening.resolve(peer);
    }
    if (opening && report.type === "failed") return opening.reject(new Error(report.reason));
    this.#peers.get(report.session)?.told(report);
  }
}
