/** H.323 calls for a program that is no gateway: an endpoint with one name, audio only, which places and takes calls. */
import { aliasOf } from "../../h323/call/messages.ts";
import type { CallEvent } from "../../h323/call/types.ts";
import type { UserInputWay } from "../../h323/control/capabilities.ts";
import type { AudioFormat } from "../../h323/control/codecs.ts";
import type { LocalMedia } from "../../h323/control/types.ts";
import type { Address } from "../../h323/address.ts";
import { openH323Endpoint } from "./endpoint.ts";
import type { H323Limits, H323Session } from "./session.ts";
import type { H323TlsOptions } from "./tls.ts";

/** An endpoint and what it can do. */
export interface H323CallsOptions {
  /** Address to bind; also what peers are told unless `advertise` is given. */
  readonly host: string;
  /** TCP port of call signalling: 1720; 0 for any free port. */
  readonly port: number;
  /** Address told to peers, where it is not the bound one. */
  readonly advertise?: string;
  /** Our h323-ID, and what is shown of us. */
  readonly name: string;
  /** Our numbers (E.164). */
  readonly numbers?: readonly string[];
  /** Codecs that can be received and sent, in order of preference. */
  readonly audio: readonly AudioFormat[];
  /** Payload type on which RFC 4733 events are taken; none are where absent. */
  readonly telephoneEvent?: number;
  readonly limits?: Partial<H323Limits>;
  /** Call signalling over TLS, taken and made; not at all where absent. */
  readonly tls?: H323TlsOptions;
  /** A call comes in. Set `onEvent` at once: the first event is `incoming` or `released`. Without a handler calls are released (Q.850 cause 17). */
  onCall?(call: H323Call): void;
}

/** A call to be placed. */
export interface H323CallOptions {
  /** Where audio is to arrive. Given before Setup it is proposed by fast connect; otherwise `setMedia` follows. */
  readonly media?: LocalMedia;
  onEvent?(event: CallEvent): void;
  /** By TLS; the peer's certificate must name the host called. */
  readonly tls?: boolean;
}

/** One call. After `released` its methods do nothing. */
export interface H323Call {
  readonly direction: "in" | "out";
  readonly peer: Address;
  readonly transport: "tcp" | "tls";
  readonly closed: boolean;
  /** Told what happens, in order. */
  onEvent: (event: CallEvent) => void;
  /** Where audio is to arrive: a callee says it before `alert` or `answer`. */
  setMedia(media: LocalMedia): void;
  /** Callee: the call is being worked on. */
  proceed(): void;
  /** Callee: it rings. */
  alert(): void;
  answer(): void;
  /** Ends the call; 16, normal clearing, where no Q.850 cause is given. */
  release(cause?: number): void;
  /** Sends keys in the way that the peer takes, which is returned; `rfc2833` is for the program's own RTP to send. */
  sendDigits(digits: string): UserInputWay;
}

/** An open endpoint. */
export interface H323Calls {
  /** Where call signalling is taken. */
  readonly address: Address;
  readonly tlsPort: number | undefined;
  /** Calls a name or a number at `peer`. Resolves once Setup is sent; rejects when the connection fails. */
  call(peer: Address, to: string, options?: H323CallOptions): Promise<H323Call>;
  /** Releases every call and stops listening. */
  close(): Promise<void>;
}

/** Opens an endpoint. Rejects when a port cannot be had. */
export async function openH323Calls(options: H323CallsOptions): Promise<H323Calls> {
  const { host, port, advertise, name, numbers = [], audio, telephoneEvent, limits, tls, onCall } = options;
  const endpoint = await openH323Endpoint({
    host,
    port,
    identity: {
      aliases: [{ "h323-ID": name }, ...numbers.map((dialledDigits) => ({ dialledDigits }))],
      displayName: name,
      product: "Crosspoint",
      version: "1",
    },
    capabilities: { audio, telephoneEvent, userInput: ["alphanumeric", "signal"] },
    ...(advertise === undefined ? {} : { advertise }),
    ...(limits === undefined ? {} : { limits }),
    ...(tls === undefined ? {} : { tls }),
    onSession: (session) => {
      const call = new SessionCall(session);
      if (onCall) onCall.call(options, call);
      else call.onEvent = ({ type }) => type === "incoming" && call.release(17);
    },
  });
  return {
    get address() {
      return endpoint.address;
    },
    get tlsPort() {
      return endpoint.tlsPort;
    },
    async call(peer, to, { media, onEvent, tls: secure } = {}) {
      let call: SessionCall | undefined;
      await endpoint.call(
        peer,
        { aliases: [aliasOf(to)] },
        {
          ...(secure ? { tls: {} } : {}),
          prepare: (session) => {
            call = new SessionCall(session);
            if (onEvent) call.onEvent = onEvent;
            if (media) call.setMedia(media);
          },
        },
      );
      return call!;
    },
    close: () => endpoint.close(),
  };
}

class SessionCall implements H323Call {
  readonly #session: H323Session;
  onEvent: (event: CallEvent) => void = () => {};

  constructor(session: H323Session) {
    this.#session = session;
    session.onEvent = (event) => this.onEvent(event);
  }

  get direction(): "in" | "out" {
    return this.#session.direction;
  }
  get peer(): Address {
    return this.#session.peer;
  }
  get transport(): "tcp" | "tls" {
    return this.#session.transport;
  }
  get closed(): boolean {
    return this.#session.closed;
  }
  setMedia(media: LocalMedia): void {
    this.#session.act((machine, now) => machine.setMedia(media, now));
  }
  proceed(): void {
    this.#session.act((machine) => machine.proceed());
  }
  alert(): void {
    this.#session.act((machine, now) => machine.alert(false, now));
  }
  answer(): void {
    this.#session.act((machine, now) => machine.answer(now));
  }
  release(cause = 16): void {
    this.#session.act((machine) => machine.release(cause));
  }
  sendDigits(digits: string): UserInputWay {
    let way: UserInputWay = "keypad";
    this.#session.act((machine, now) => {
      way = machine.sendDigits(digits, now);
    });
    return way;
  }
}
