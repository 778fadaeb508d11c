import { createSocket } from "node:dgram";
import { toH225 } from "../../src/h323/address.ts";
import { aliasOf } from "../../src/h323/index.ts";
import { type Credentials, encodeSigned } from "../../src/h323/ras/security.ts";
import { decodeRas, encodeRas, H225_VERSION, type RasMessage } from "../../src/wire/h225/index.ts";

/** What a request proves: whose password, and by a clock that is so many seconds off. */
export interface Proof extends Credentials {
  readonly off?: number;
}

let sequence = 0;

/** An endpoint that speaks RAS from a real socket. `gatekeeper` is a UDP port of `to`. */
export async function rasEndpoint(host: string, gatekeeper: number, to = "127.0.0.1") {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  const waiting = new Map<number, (answer: RasMessage) => void>();
  socket.on("message", (bytes) => {
    const answer = decodeRas(bytes);
    const number = (Object.values(answer)[0] as { requestSeqNum: number }).requestSeqNum;
    waiting.get(number)?.(answer);
    waiting.delete(number);
  });
  /** The very bytes, as somebody would send them who has overheard them. */
  const sendBytes = (bytes: Uint8Array): Promise<RasMessage> => {
    const number = (Object.values(decodeRas(bytes))[0] as { requestSeqNum: number }).requestSeqNum;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${number}`)), 4_000);
      waiting.set(number, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      socket.send(bytes, gatekeeper, to);
    });
  };
  const signed = (message: RasMessage, proof?: Proof): Uint8Array =>
    proof === undefined
      ? encodeRas(message)
      : encodeSigned(message, proof, { generalId: "gk", seconds: Math.floor(Date.now() / 1000) + (proof.off ?? 0), random: ++sequence });
  const ask = (message: RasMessage, proof?: Proof) => sendBytes(signed(message, proof));
  const vendor = { vendor: { t35CountryCode: 0, t35Extension: 0, manufacturerCode: 0 } };
  const registration = (aliases: readonly string[], more: object = {}, signalling = host): RasMessage => ({
    registrationRequest: {
      requestSeqNum: (++sequence & 0x7fff) + 1,
      protocolIdentifier: H225_VERSION,
      discoveryComplete: true,
      callSignalAddress: [toH225({ host: signalling, port: 1720 })],
      rasAddress: [toH225({ host, port: socket.address().port })],
      terminalType: { terminal: {}, mc: false, undefinedNode: false },
      ...(aliases.length > 0 ? { terminalAlias: aliases.map(aliasOf) } : {}),
      endpointVendor: vendor,
      keepAlive: false,
      willSupplyUUIEs: false,
      maintainConnection: false,
      ...more,
    },
  });
  return {
    host,
    ask,
    signed,
    sendBytes,
    /** Anything, to which nothing is answered. */
    sendRaw: (bytes: Uint8Array) => socket.send(bytes, gatekeeper, to),
    registration,
    /** The confirmation's endpoint identifier, or the reason of the rejection. */
    async register(
      aliases: readonly string[],
      proof?: Proof,
      { signalling = host, ...more }: { signalling?: string; [field: string]: unknown } = {},
    ) {
      const { registrationConfirm: rcf, registrationReject: rrj } = await ask(registration(aliases, more, signalling), proof);
      return rcf?.endpointIdentifier ?? Object.keys(rrj?.rejectReason ?? {})[0];
    },
    unregister: (endpointIdentifier: string, proof?: Proof) =>
      ask(
        {
          unregistrationRequest: {
            requestSeqNum: (++sequence & 0x7fff) + 1,
            callSignalAddress: [toH225({ host, port: 1720 })],
            endpointIdentifier,
          },
        },
        proof,
      ),
    admit: (endpointIdentifier: string, alias: string, proof?: Proof) =>
      ask(
        {
          admissionRequest: {
            requestSeqNum: (++sequence & 0x7fff) + 1,
            callType: { pointToPoint: true },
            endpointIdentifier,
            destinationInfo: [aliasOf(alias)],
            srcInfo: [],
            bandWidth: 1280,
            callReferenceValue: 1,
            conferenceID: new Uint8Array(16),
            activeMC: false,
            answerCall: false,
          },
        },
        proof,
      ),
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}
