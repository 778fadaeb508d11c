/**
 * H.460.18: call signalling through firewalls. The client behind one registers with the server and is heard often; for a call to it, the server indicates the
 * call by RAS, and the client connects to the server and says which call it has come for.
 */
import type { Millis } from "../../base/clock.ts";
import { Timers } from "../../base/machine.ts";
import { decodeSignalling, encodeSignalling, H225_VERSION, type RasMessage, type SignallingMessage } from "../../wire/h225/index.ts";
import { decodeIncomingCall, encodeIncomingCall, type IncomingCallIndication } from "../../wire/h460/index.ts";
import { type Address, fromH225, toH225 } from "../address.ts";
import { hex } from "../call/messages.ts";
import { feature, findFeature, rawParameters } from "./h460.ts";

export const SIGNALLING_TRAVERSAL = 18;
/** Parameter of the feature that holds the call. */
const INCOMING_CALL = 1;

type ServiceControlIndication = NonNullable<RasMessage["serviceControlIndication"]>;

/** A call that a client is to come for. */
export interface IndicatedCall {
  /** 16 octets, hexadecimal. */
  readonly callIdentifier: string;
  /** Where to connect to. */
  readonly to: Address;
}

function composeIndication(requestSeqNum: number, { callIdentifier, to }: IndicatedCall): RasMessage {
  const raw = encodeIncomingCall({ callSignallingAddress: toH225(to), callID: { guid: Buffer.from(callIdentifier, "hex") } });
  return {
    serviceControlIndication: {
      requestSeqNum,
      serviceControl: [],
      genericData: [feature(SIGNALLING_TRAVERSAL, { [INCOMING_CALL]: { raw } })],
    },
  };
}

/** The call an indication is about; undefined when it is about something else or cannot be decoded. */
export function readIndication(indication: ServiceControlIndication): IndicatedCall | undefined {
  const [raw] = rawParameters(findFeature(indication, SIGNALLING_TRAVERSAL), INCOMING_CALL);
  if (raw === undefined) return undefined;
  let call: IncomingCallIndication;
  try {
    call = decodeIncomingCall(raw);
  } catch {
    return undefined;
  }
  const to = fromH225(call.callSignallingAddress);
  return to === undefined ? undefined : { to, callIdentifier: hex(call.callID.guid) };
}

/** The client's first message on the connection it has opened: it has come for that call. Setup comes back on it. */
export function composeArrival(callIdentifier: string): Uint8Array {
  const facility = {
    protocolIdentifier: H225_VERSION,
    reason: { undefinedReason: true as const },
    callIdentifier: { guid: Buffer.from(callIdentifier, "hex") },
    multipleCalls: false,
    maintainConnection: false,
  };
  return encodeSignalling({
    type: "facility",
    callReference: 0,
    fromDestination: false,
    elements: [],
    info: { "h323-uu-pdu": { "h323-message-body": { facility }, h245Tunnelling: true } },
  });
}

/** The call that a first message has come for; undefined for any other message. */
export function readArrival(bytes: Uint8Array): string | undefined {
  let message: SignallingMessage;
  try {
    message = decodeSignalling(bytes);
  } catch {
    return undefined;
  }
  const facility = message.info?.["h323-uu-pdu"]["h323-message-body"].facility;
  if (message.type !== "facility" || facility?.reason.undefinedReason !== true || facility.callIdentifier === undefined) return undefined;
  return hex(facility.callIdentifier.guid);
}

/** Tries and patience of an indication: its answer only says that it was heard. */
const ATTEMPTS = 3;
const PATIENCE = 2_000;

interface Pending {
  readonly to: Address;
  readonly message: RasMessage;
  readonly callIdentifier: string;
  tries: number;
}

/** What the server's side of indications uses of its gatekeeper. */
export interface IndicationPort {
  sequence(): number;
  send(message: RasMessage, to: Address): void;
  /** The client does not answer, or says it will not come. */
  failed(callIdentifier: string): void;
}

/** Indications on their way to clients. */
export class Indications {
  readonly #port: IndicationPort;
  readonly #timers = new Timers<`${number}`>();
  readonly #pending = new Map<number, Pending>();

  constructor(port: IndicationPort) {
    this.#port = port;
  }

  /** Tells the client registered from `to` that a call waits for it. */
  send(call: IndicatedCall, to: Address, now: Millis): void {
    const sequence = this.#port.sequence();
    this.#pending.set(sequence, { to, message: composeIndication(sequence, call), callIdentifier: call.callIdentifier, tries: 0 });
    this.#transmit(sequence, now);
  }

  answered(response: NonNullable<RasMessage["serviceControlResponse"]>, from: Address): void {
    const pending = this.#pending.get(response.requestSeqNum);
    if (pending === undefined || pending.to.host !== from.host) return;
    this.#forget(response.requestSeqNum);
    const { failed, notAvailable, neededFeatureNotSupported } = response.result ?? {};
    if (failed || notAvailable || neededFeatureNotSupported) this.#port.failed(pending.callIdentifier);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  timeout(now: Millis): void {
    for (const name of this.#timers.expire(now)) {
      const sequence = Number(name);
      const pending = this.#pending.get(sequence);
      if (pending === undefined) continue;
      if (pending.tries < ATTEMPTS) this.#transmit(sequence, now);
      else {
        this.#forget(sequence);
        this.#port.failed(pending.callIdentifier);
      }
    }
  }

  #transmit(sequence: number, now: Millis): void {
    const pending = this.#pending.get(sequence)!;
    pending.tries++;
    this.#timers.set(`${sequence}`, now + PATIENCE);
    this.#port.send(pending.message, pending.to);
  }

  #forget(sequence: number): void {
    this.#pending.delete(sequence);
    this.#timers.clear(`${sequence}`);
  }
}

/** Calls a client remembers to have been told of: an indication comes again when its answer was lost. */
const REMEMBERED = 64;

/** The client's side: takes each call once, and only to where the server may be. */
export class Summons {
  readonly #known: string[] = [];

  /** Whether to connect for the call: `servers` are hosts of the gatekeeper. `again` for one already known. */
  judge({ callIdentifier, to }: IndicatedCall, servers: ReadonlySet<string>): "come" | "again" | "stranger" {
    if (!servers.has(to.host)) return "stranger";
    if (this.#known.includes(callIdentifier)) return "again";
    this.#known.push(callIdentifier);
    if (this.#known.length > REMEMBERED) this.#known.shift();
    return "come";
  }
}
