import { accessNumbersOf } from "../../../src/trunks/access-numbers.ts";
import { setKnownNumbers } from "../../../src/base/known-numbers.ts";
import { CallTraces } from "../../../src/trace/index.ts";
import { EventEmitter } from "node:events";
import pino from "pino";
import type { GatewayEvent } from "../../../src/admin/ports.ts";
import { CallAdmission } from "../../../src/gateway/call/admission.ts";
import type { Call } from "../../../src/gateway/call/call.ts";
import { CallRegistry } from "../../../src/gateway/call/call-registry.ts";
import { OutgoingCalls } from "../../../src/gateway/outgoing-call.ts";
import { IncomingCalls, type IncomingCallsParts } from "../../../src/gateway/incoming-call.ts";
import { Cameras } from "../../../src/gateway/meeting/far-end-camera.ts";
import { Presenting } from "../../../src/gateway/meeting/presenter.ts";
import { Inbound, type InboundParts } from "../../../src/gateway/sip/incoming.ts";
import { Outbound } from "../../../src/gateway/sip/outgoing.ts";
import { Reception, type ReceptionParts } from "../../../src/gateway/call/answer.ts";
import { Replacements } from "../../../src/gateway/sip/replacements.ts";
import { Transfers } from "../../../src/gateway/sip/transfers.ts";
import { defineMeeting } from "../../../src/gateway/meeting/define-meeting.ts";
import { LiveMeetings, type LiveMeetingsParts } from "../../../src/gateway/meeting/active-meetings.ts";
import { type GatewayConfig, type MeetingDefinition, NO_METRICS } from "../../../src/gateway/options.ts";
import { RefusalSampler } from "../../../src/gateway/call/refusal-sampler.ts";
import { LoadMeter } from "../../../src/gateway/overload.ts";
import type { RecordStore } from "../../../src/records/model.ts";
import { CallLines } from "../../../src/gateway/call/video-streams.ts";
import { Registrations } from "../../../src/gateway/sip/trunk-registrations.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import type { Srf } from "../../../src/legs/sip/drachtio.ts";
import { MemoryDirectory } from "../../../src/meetings/directory.ts";
import { hashPin } from "../../../src/meetings/pin.ts";
import { PinLockout } from "../../../src/meetings/pin-lockout.ts";
import type { CallRecord } from "../../../src/records/model.ts";
import { Defence } from "../../../src/security/defence.ts";
import { TrunkLimits } from "../../../src/trunks/limits.ts";
import type { Trunk } from "../../../src/trunks/model.ts";
import { TrunkRecognition } from "../../../src/trunks/recognition.ts";
import { Registrar } from "../../../src/trunks/registrar.ts";
import { trunk } from "../trunks/fixtures.ts";
import { FakePort, FakeSession, FakeSfu, sdp } from "./fake-media.ts";

export { FakePort, FakeSession, FakeSfu, sdp };

/** A response as it was sent. */
export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export class FakeDialog extends EventEmitter {
  readonly id = "dialog";
  connected = true;
  sip = { callId: "c", localTag: "l", remoteTag: "r" };
  readonly local = { uri: "sip:us@gw", sdp: "", contact: "<sip:us@gw>" };
  readonly remote: { uri: string; sdp: string | undefined } = { uri: "sip:them@x", sdp: undefined };
  readonly requests: { method: string; headers?: Record<string, string>; body?: string }[] = [];
  /** Reason of our BYE. */
  byeReason: string | undefined;
  /** What re-INVITEs of ours are answered with: a description, a status, or all of a response. */
  answer: () => string | number | { status: number; headers?: Record<string, string>; body?: string } = () => sdp();
  async destroy({ headers }: { headers?: Record<string, string> }) {
    this.connected = false;
    this.byeReason = headers?.["Reason"];
  }
  async request(
    request: { method: string; headers?: Record<string, string>; body?: string },
    callback?: (
      error: null,
      response: { status: number; reason: string; body?: string; get: (name: string) => string | undefined },
    ) => void,
  ) {
    this.requests.push(request);
    if (request.method !== "INVITE") return { status: 202 };
    callback?.(null, { status: 100, reason: "Trying", get: () => undefined });
    const answer = this.answer();
    const said = typeof answer === "string" ? { status: 200, body: answer } : typeof answer === "number" ? { status: answer } : answer;
    const headers: Record<string, string> = { Warning: '304 far.example "no such media"', ...("headers" in said ? said.headers : {}) };
    await Promise.resolve();
    const { request: sent } = message("INVITE", this.remote.uri, { CSeq: "7 INVITE", ...request.headers }, request.body ?? "");
    callback?.(null, { ...said, reason: said.status < 300 ? "OK" : "No", get: (name) => headers[name], ...{ req: sent } });
    return undefined;
  }
  /** Delivers an in-dialog request and returns what was answered. */
  deliver(event: string, method: string, headers: Record<string, string> = {}, body = ""): Sent[] {
    const { request, response, sent } = message(method, "sip:us@gw", headers, body);
    this.emit(event, request, response);
    return sent;
  }
  /** The far end acknowledges our 200. */
  acknowledge(ack: { body: string; source_address?: string }): void {
    this.emit("ack", { source_address: "", get: () => undefined, ...ack });
  }
  bye(headers: Record<string, string> = {}, source = "network", reason?: string): void {
    this.connected = false;
    const { request } = message("BYE", "sip:us@gw", headers, "");
    this.emit("destroy", Object.assign(request, { source }), reason);
  }
}

export function message(
  method: string,
  uri: string,
  headers: Record<string, string>,
  body: string,
  from = { name: "Anna", uri: "sip:anna@example.com", params: { tag: "1" } },
) {
  const sent: Sent[] = [];
  const fields = method === "INVITE" ? { Contact: `<${from.uri}>`, ...headers } : headers;
  const get = (name: string) => Object.entries(fields).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  const request = Object.assign(new EventEmitter(), {
    method,
    uri,
    body,
    protocol: headers["X-Transport"] ?? "udp",
    source: "network",
    source_address: headers["X-Source"] ?? "192.0.2.1",
    ...(headers["X-Session-Token"] === undefined ? {} : { sessionToken: headers["X-Session-Token"] }),
    source_port: 5060,
    get,
    has: (name: string) => get(name) !== undefined,
    getParsedHeader: (name: string) =>
      name === "from" ? from : { uri: headers["X-To"] ?? uri, params: headers["X-To-Tag"] ? { tag: headers["X-To-Tag"] } : {} },
  });
  const response = {
    finalResponseSent: false,
    send(status: number, options: { headers?: Record<string, string>; body?: string } = {}, done?: (error: unknown) => void) {
      sent.push({ status, headers: options.headers ?? {}, ...(options.body === undefined ? {} : { body: options.body }) });
      if (status >= 200) this.finalResponseSent = true;
      done?.(null);
    },
  };
  return { request, response, sent };
}

type Handler = (request: unknown, response: unknown) => void;

/** srf with its routes, dialogs made at once, and outgoing calls answered as `peer` says. */
export class FakeSrf {
  readonly routes = new Map<string, Handler>();
  readonly dialogs: FakeDialog[] = [];
  /** What comes with the same bytes as the news of a dialog. */
  atOnce: (dialog: FakeDialog) => void = () => undefined;
  /** Callers acknowledge our 200 at once. */
  acknowledges = true;
  /** Why calls cannot be answered, where they cannot. */
  unanswerable: Error | undefined;
  readonly placed: { uri: string; options: { headers: Record<string, string>; localSdp?: string; proxy?: string } }[] = [];
  peer: (attempt: number) => {
    status: number;
    sdp?: string;
    headers?: Record<string, string>;
    ring?: boolean;
    address?: string;
    early?: string;
    earlyTag?: string;
  } = () => ({
    status: 200,
    sdp: sdp(),
  });
  /** Far ends answer our calls no sooner. */
  picksUp: Promise<void> = Promise.resolve();
  /** Our calls that were given up. */
  cancelled = 0;
  /** Requests outside dialogs, and what each is answered with, from 203.0.113.1. */
  readonly requested: { uri: string; options: { headers: Record<string, string>; proxy?: string } }[] = [];
  answers: (nth: number) => { status: number; headers?: Record<string, string> } = () => ({ status: 200 });
  request(
    uri: string,
    options: { method: string; headers: Record<string, string>; proxy?: string },
    callback: (error: null, request: unknown) => void,
  ) {
    this.requested.push({ uri, options });
    const { status, headers = {} } = this.answers(this.requested.length);
    const { request } = message(options.method, uri, { From: "<sip:us@gw>;tag=us", ...options.headers }, "");
    callback(null, request);
    const response = { status, reason: "x", source_address: "203.0.113.1", get: (name: string) => headers[name] };
    void Promise.resolve().then(() => request.emit("response", response));
  }
  use(method: string, handler: Handler) {
    this.routes.set(method, handler);
  }
  createUAS(
    request: unknown,
    response: { finalResponseSent: boolean },
    { localSdp, headers }: { localSdp: string; headers: Record<string, string> },
    made: (error: Error | null, dialog?: FakeDialog) => void,
  ) {
    if (this.unanswerable) {
      made(this.unanswerable);
      return;
    }
    const dialog = new FakeDialog();
    dialog.local.sdp = localSdp;
    const remoteTag = (request as { getParsedHeader(name: string): { params: { tag?: string } } }).getParsedHeader("from").params.tag ?? "";
    const callId = (request as { get(name: string): string | undefined }).get("Call-ID") ?? "";
    dialog.sip = { callId, localTag: `ours-${this.dialogs.length}`, remoteTag };
    Object.assign(dialog, { okHeaders: headers });
    response.finalResponseSent = true;
    this.dialogs.push(dialog);
    made(null, dialog);
    this.atOnce(dialog);
    if (this.acknowledges && (request as { body?: string }).body) dialog.emit("ack", { source_address: "", body: "" });
  }
  async createUAC(
    uri: string,
    options: { headers: Record<string, string>; localSdp?: string },
    progress: { cbRequest?: (error: null, request: unknown) => void; cbProvisional?: (response: unknown) => void },
    made: (error: Error | null, dialog?: FakeDialog) => void,
  ) {
    this.placed.push({ uri, options });
    const { status, sdp: body, headers = {}, ring = true, early, earlyTag, address = "203.0.113.1" } = this.peer(this.placed.length);
    const fields: Record<string, string> = { CSeq: "7 INVITE", From: "<sip:us@gw>;tag=us", ...options.headers };
    progress.cbRequest?.(null, {
      method: "INVITE",
      uri,
      body: options.localSdp,
      get: (name: string) => fields[name],
      cancel: () => void this.cancelled++,
    });
    const callId = options.headers["Call-ID"] ?? "";
    const tags = { callId, localTag: "us", remoteTag: `theirs-${this.placed.length}` };
    const getParsedHeader = (name: string) => ({ params: { tag: name === "to" ? tags.remoteTag : tags.localTag } });
    const provisional = {
      body: early,
      get: (name: string) => (name === "Call-ID" ? callId : undefined),
      getParsedHeader: (name: string) => (name === "to" ? { params: { tag: earlyTag ?? tags.remoteTag } } : getParsedHeader(name)),
    };
    if (ring) progress.cbProvisional?.({ status: early === undefined ? 180 : 183, ...provisional });
    await this.picksUp;
    await Promise.resolve();
    if (status !== 200) {
      made(
        Object.assign(new Error(`${status}`), {
          status,
          res: { status, reason: "x", source_address: address, get: (name: string) => headers[name] },
        }),
      );
      return;
    }
    const dialog = new FakeDialog();
    dialog.remote.sdp = body;
    dialog.sip = tags;
    Object.assign(dialog, { res: { source_address: address, body, get: (name: string) => headers[name] } });
    this.dialogs.push(dialog);
    made(null, dialog);
    this.atOnce(dialog);
  }
}

/** What the parts under test are made of, all together; each of them is given what its constructor names. */
export type BenchParts = Omit<ReceptionParts, "meetings" | "settings" | "calls"> &
  Omit<IncomingCallsParts, "reception" | "registry" | "settings" | "calls"> &
  Omit<InboundParts, "incoming" | "transfers" | "replacements" | "settings"> &
  Omit<LiveMeetingsParts, "calls"> & { readonly records: RecordStore; readonly registrations: Registrations } & {
    readonly settings: { config: GatewayConfig; draining: boolean };
    readonly calls: Map<string, Call>;
  };

/** The parts of a bench and more; a test that replaces one of the bench replaces it everywhere. */
export function over<T extends object, U extends object>(parts: T, more: U): T & U {
  return Object.assign(Object.create(parts) as T, more);
}

/** The gateway's parts on fake engines. */
export class Bench {
  readonly clock = new FakeClock();
  readonly srf = new FakeSrf();
  readonly port = new FakePort();
  readonly sfu = new FakeSfu();
  readonly records: CallRecord[] = [];
  readonly events: GatewayEvent[] = [];
  readonly lines: Record<string, unknown>[] = [];
  readonly context: BenchParts;
  readonly meetings: LiveMeetings;
  readonly reception: Reception;
  readonly registry: CallRegistry;
  readonly incoming: IncomingCalls;
  readonly outgoing: OutgoingCalls;
  readonly outbound: Outbound;
  readonly registrar = new Registrar();
  readonly registrations: Registrations;
  readonly #load = new LoadMeter();

  private constructor(config: GatewayConfig, peerStamps: boolean) {
    const log = pino({ level: "trace" }, { write: (line: string) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) });
    const settings = { config, draining: false };
    const calls = new Map<string, Call>();
    const clock = this.clock;
    const limits = new TrunkLimits();
    const presenting = new Presenting(this.sfu);
    this.registrations = new Registrations({ settings, log, clock, srf: this.srf as unknown as Srf, peerStamps });
    this.context = {
      settings,
      log,
      clock,
      srf: this.srf as unknown as Srf,
      media: this.port,
      sfu: this.sfu,
      presenting,
      directory: new MemoryDirectory(),
      lockout: new PinLockout(),
      recognition: new TrunkRecognition({ trunks: config.trunks, defaultTrunk: config.defaultTrunk }, undefined, {
        registered: (name, flow, now) => this.registrar.owns(name, flow, now),
        fromRegistrar: (name, address) => this.registrations.fromRegistrar(name, address),
      }),
      peerStamps,
      limits,
      refusals: new RefusalSampler(clock),
      admission: new CallAdmission({ settings, calls, clock, load: this.#load }),
      registrar: this.registrar,
      registrations: this.registrations,
      records: {
        add: (record) => void this.records.push(record),
        list: () => [],
        get: () => undefined,
        count: () => 0,
        close: () => undefined,
      },
      traces: new CallTraces({ level: "off", trunks: new Map(), keepMinutes: 0 }),
      metrics: NO_METRICS,
      defence: new Defence({ clock, log }),
      promptsRoot: "/prompts",
      namesFolder: "/names",
      calls,
      callLines: new CallLines({ settings, clock, video: null, presenting, cameras: new Cameras() }),
      emit: (event) => void this.events.push(event),
    };
    const { context } = this;
    const meetings = new LiveMeetings(context);
    this.meetings = meetings;
    const reception = new Reception(over(context, { meetings }));
    const registry = new CallRegistry(context);
    this.reception = reception;
    this.registry = registry;
    this.incoming = new IncomingCalls(over(context, { reception, registry }));
    this.outgoing = new OutgoingCalls(over(context, { reception, registry }));
    const replacements = new Replacements(over(context, { reception, meetings }));
    this.outbound = new Outbound(over(context, { outgoing: this.outgoing, registry, replacements, h323: undefined }));
    const transfers = new Transfers(over(context, { meetings, outbound: this.outbound }));
    new Inbound(over(context, { incoming: this.incoming, replacements, transfers })).route();
  }

  static async create(config: Partial<GatewayConfig> = {}, peerStamps = true): Promise<Bench> {
    const bench = new Bench(
      { meetings: DEMO, trunks: [], defaultTrunk: OPEN, accessNumbers: ["meet", "+15550100"], language: "en", ...config },
      peerStamps,
    );
    const defined = await Promise.all(
      bench.context.settings.config.meetings.map(async (one) => defineMeeting(await hashed(one), undefined, "en")),
    );
    bench.context.directory.replaceConfiguration(defined);
    const { directory, settings } = bench.context;
    setKnownNumbers((plain) => directory.reached(plain) ?? (accessNumbersOf(settings.config).leads(plain) ? "pin" : undefined));
    return bench;
  }

  stop(): void {
    this.#load.stop();
  }

  /** Sends an INVITE and waits until it is answered, refused or the caller is in the dialogue. */
  async invite(uri: string, options: { headers?: Record<string, string>; body?: string; from?: string } = {}) {
    const from = { name: options.from ?? "Anna", uri: `sip:${(options.from ?? "anna").toLowerCase()}@example.com`, params: { tag: "1" } };
    const { request, response, sent } = message(
      "INVITE",
      uri,
      { "Call-ID": `${Math.random()}`, ...options.headers },
      options.body ?? sdp(),
      from,
    );
    const before = new Set(this.context.calls.keys());
    this.srf.routes.get("invite")?.(request, response);
    const call = () => [...this.context.calls.values()].find(({ id }) => !before.has(id));
    await settle();
    return { request, sent, call: call() as Call, session: this.port.sessions.at(-1)!, dialog: this.srf.dialogs.at(-1)! };
  }

  request(method: string, headers: Record<string, string> = {}): Sent[] {
    const { request, response, sent } = message(method.toUpperCase(), "sip:gw", headers, "");
    this.srf.routes.get(method)?.(request, response);
    return sent;
  }

  events_(name: string): Record<string, unknown>[] {
    return this.lines.filter(({ event }) => event === name);
  }
}

const hashes = new Map<string, Promise<string>>();

/** Hashing takes its time: each PIN of the tests is hashed once. */
async function hashed(meeting: MeetingDefinition): Promise<MeetingDefinition> {
  const hash = async (pin: string | null | undefined) => {
    if (typeof pin !== "string") return pin;
    if (!hashes.has(pin)) hashes.set(pin, hashPin(pin));
    return hashes.get(pin);
  };
  const [guestPin, hostPin] = await Promise.all([hash(meeting.guestPin), hash(meeting.hostPin)]);
  return { ...meeting, ...(guestPin === undefined ? {} : { guestPin }), ...(hostPin === undefined ? {} : { hostPin }) };
}

/** Lets everything that waits for nothing but promises happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for what happens on other threads: PINs are hashed there. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it did not come to this: ${what}`);
}

export function type(session: FakeSession, keys: string): void {
  for (const digit of keys) session.emit("dtmf", { digit, durationMs: 100 });
}

export const OPEN: Trunk = trunk("open", { trust: "unverified" });

export const DEMO = [
  { id: "1000" },
  { id: "2000", guestPin: "1234", hostPin: "98765" },
  { id: "3000", lobby: true },
  { id: "4000", endToEndEncrypted: true },
  { id: "5000", language: "de" as const, waitForHost: true, guestPin: "1234", hostPin: "98765" },
];
