import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { installReader } from "./srf-reader.ts";

/**
 * drachtio-srf as this application uses it, typed by what its code does: its own declarations know neither promises of `destroy` nor header lists.
 */

export interface Address {
  readonly name?: string;
  readonly uri: string;
  readonly params: Readonly<Record<string, string>>;
}

export interface SipMessage {
  readonly body: string | undefined;
  get(header: string): string | undefined;
  has(header: string): boolean;
  getParsedHeader(header: "from" | "to"): Address;
}

export interface SipRequest extends SipMessage {
  readonly method: string;
  readonly uri: string;
  readonly protocol: string;
  readonly source_address: string;
  readonly source_port: number;
  /** What stands last in the frame's leader: of a TLS peer, who that is (`parsePeerToken`), where the embedded engine wrote it. */
  readonly sessionToken?: string;
  readonly callingNumber: string;
  readonly callingName: string;
  readonly source: "network" | "application";
  on(event: "cancel", listener: (cancel: SipMessage) => void): this;
  on(event: "response", listener: (response: SipResponse) => void): this;
  cancel(options: { headers?: Headers }, callback?: (error: unknown) => void): void;
}

export type Headers = Readonly<Record<string, string>>;

export interface SipResponse extends SipMessage {
  /** The request it answers, where that was ours. */
  readonly req?: SipRequest;
  readonly source_address: string;
  readonly status: number;
  readonly reason: string;
  readonly finalResponseSent: boolean;
  send(status: number, options?: { headers?: Headers; body?: string }, sent?: (error: unknown) => void, pracked?: () => void): void;
  send(status: number, reason: string, options?: { headers?: Headers; body?: string }, sent?: (error: unknown) => void): void;
}

export interface Dialog {
  readonly id: string;
  readonly connected: boolean;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { uri: string; sdp: string; contact?: string };
  readonly remote: { uri: string; sdp: string | undefined };
  /** The response it was made by: theirs where we called. */
  readonly res?: SipResponse;
  /** What drachtio-srf answers challenges with, itself. */
  auth?: { readonly username: string; readonly password: string } | undefined;
  destroy(options: { headers?: Headers }): Promise<unknown>;
  request(options: { method: string; headers?: Headers; body?: string }): Promise<SipResponse>;
  request(
    options: { method: string; headers?: Headers; body?: string },
    callback: (error: unknown, response: SipResponse | undefined) => void,
  ): void;
  on(event: "destroy", listener: (request: SipRequest, reason?: string) => void): this;
  on(
    event: "modify" | "update" | "info" | "refer" | "message" | "options" | "notify",
    listener: (request: SipRequest, response: SipResponse) => void,
  ): this;
  on(event: "ack", listener: (ack: SipRequest) => void): this;
  once(event: "ack", listener: (ack: SipRequest) => void): this;
  once(event: "destroy", listener: (request: SipRequest, reason?: string) => void): this;
  removeListener(event: string, listener: (...args: never[]) => void): this;
}

/** What `createUAC` gives with `noAck`: the far end's offer, and the way to answer it. */
export interface LateDialog {
  readonly sdp: string;
  ack(answer: string): Promise<Dialog>;
  destroy(): Promise<void>;
}

export interface UacOptions {
  readonly headers?: Headers;
  readonly localSdp?: string;
  readonly proxy?: string;
  readonly auth?: { readonly username: string; readonly password: string };
}

export interface UacProgress {
  readonly cbRequest?: (error: unknown, request: SipRequest) => void;
  readonly cbProvisional?: (response: SipResponse) => void;
}

/** Rejection of `createUAC`: the final status. */
export interface SipFailure extends Error {
  readonly status: number;
  readonly reason?: string;
  readonly res?: SipResponse;
}

/** How srf tells what became of a dialog, in the turn it is made in. */
export type DialogMade = (error: unknown, dialog?: Dialog) => void;

export interface Srf {
  connect(options: { host: string; port: number; secret: string }): void;
  disconnect(): void;
  use(method: string, handler: (request: SipRequest, response: SipResponse) => void): void;
  createUAS(request: SipRequest, response: SipResponse, options: { localSdp: string; headers?: Headers }, made: DialogMade): void;
  createUAC(uri: string, options: UacOptions, progress?: UacProgress): Promise<Dialog>;
  createUAC(uri: string, options: UacOptions & { readonly noAck: true }, progress?: UacProgress): Promise<LateDialog>;
  createUAC(uri: string, options: UacOptions, progress: UacProgress, made: DialogMade): void;
  request(
    uri: string,
    options: { method: string; headers?: Headers; body?: string; proxy?: string },
    callback: (error: unknown, request: SipRequest) => void,
  ): void;
  on(event: "connect", listener: (error: Error | null, hostports?: string) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close" | "reconnecting", listener: () => void): this;
}

const load = createRequire(import.meta.url);

/** Where drachtio-srf keeps its connection. */
type Connected = { readonly _app: { readonly client?: { readonly mapServer: ReadonlyMap<Socket, unknown> } } };

/**
 * A new drachtio-srf application, not yet connected, that reads messages as this project does. Once disconnected it reads nothing more: by itself it forgets the start
 * of a frame that is under way, and throws for the rest of it out of the socket's event, which ends the process.
 */
export function createSrf(): Srf {
  installReader(load);
  const Constructor = load("drachtio-srf") as new () => Srf;
  const srf = new Constructor();
  const disconnect = srf.disconnect.bind(srf);
  srf.disconnect = () => {
    for (const socket of (srf as unknown as Connected)._app.client?.mapServer.keys() ?? []) socket.removeAllListeners("data").resume();
    disconnect();
  };
  return srf;
}

/**
 * A dialog that `made` sees in the very turn it is made in. srf's own promise tells of it a turn later: a BYE or an ACK that came with the same
 * bytes would find nobody listening, and the call would stay for ever. One that comes after it was given up is ended at once.
 */
export function dialogOf(start: (made: DialogMade) => void, made: (dialog: Dialog) => void): Promise<Dialog> {
  return new Promise((resolve, reject) => {
    let settled = false;
    start((error, dialog) => {
      if (dialog && settled) void dialog.destroy({}).catch(() => undefined);
      else if (dialog) {
        made(dialog);
        resolve(dialog);
      } else reject(error);
      settled = true;
    });
  });
}

/** Whether a rejection is a final SIP status. */
export function isSipFailure(error: unknown): error is SipFailure {
  return error instanceof Error && typeof (error as { status?: unknown }).status === "number";
}

/**
 * Offers other media inside a dialog; resolves with the final response, whatever it is. Not by `dialog.modify`: after a refusal that lets no
 * later one go out, and so a far end whose change was refused once could never be answered again. A challenge is a final response too, which drachtio-srf
 * is not to answer in its way.
 */
export function reinvite(dialog: Dialog, offer: string, fields: Headers = {}): Promise<SipResponse> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error("the call ended while a change was under way"));
    dialog.once("destroy", gone);
    const contact: Headers = dialog.local.contact === undefined ? {} : { Contact: dialog.local.contact };
    const { auth } = dialog;
    dialog.auth = undefined;
    dialog.request({ method: "INVITE", headers: { ...contact, ...fields }, body: offer }, (error, response) => {
      if (!error && response && response.status < 200) return;
      dialog.removeListener("destroy", gone);
      if (error || !response) return reject(error instanceof Error ? error : new Error(String(error)));
      if (response.status < 300) {
        dialog.local.sdp = offer;
        dialog.remote.sdp = response.body;
      }
      resolve(response);
    });
    // it has been read in this very turn
    dialog.auth = auth;
  });
}

/** Status and reason of a response, with what its Warning says (RFC 3261 section 20.43): the words a record needs. */
export function describeResponse(response: Pick<SipResponse, "status" | "reason" | "get">): string {
  const warning = warningOf(response);
  const said = `${response.status} ${response.reason ?? ""}`.trim();
  return warning ? `${said}: ${warning.slice(0, 300)}` : said;
}

/** What its Warning says; undefined without one. */
export function warningOf(response: Pick<SipResponse, "get">): string | undefined {
  const warning = /^\s*\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"/.exec(response.get("Warning") ?? "")?.[1]?.trim();
  return warning?.replace(/\\(.)/g, "$1");
}

/** Several fields of one name: drachtio takes headers as text, so that further lines can stand in the value of the first. */
export function repeated(name: string, values: readonly string[]): string {
  return values.join(`\r\n${name}: `);
}
