/** H.460.17: RAS inside call signalling, for endpoints that can open one TCP connection and nothing else. Calls of both directions share the connection. */
import { decodeSignalling, encodeSignalling, type SignallingMessage } from "../../wire/h225/index.ts";
import { feature, findFeature, rawParameters } from "./h460.ts";

export const RAS_TUNNELLING = 17;
const RAS_MESSAGE = 1;
/** More RAS in one message than any sender has. */
const MOST = 16;

/** A Facility of no call that carries a RAS message. */
export function composeTunnelledRas(ras: Uint8Array): Uint8Array {
  return encodeSignalling({
    type: "facility",
    callReference: 0,
    fromDestination: false,
    elements: [],
    info: {
      "h323-uu-pdu": {
        "h323-message-body": { empty: true },
        h245Tunnelling: true,
        genericData: [feature(RAS_TUNNELLING, { [RAS_MESSAGE]: { raw: ras } })],
      },
    },
  });
}

/** The RAS messages inside a call signalling message; undefined when it has none. */
export function readTunnelledRas(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  let message: SignallingMessage;
  try {
    message = decodeSignalling(bytes);
  } catch {
    return undefined;
  }
  if (message.type !== "facility") return undefined;
  const ras = rawParameters(findFeature(message.info?.["h323-uu-pdu"], RAS_TUNNELLING), RAS_MESSAGE);
  return ras.length === 0 ? undefined : ras.slice(0, MOST);
}

/** Which call a message is of, without decoding it: the reference and who chose it. Undefined for what is no Q.931. */
export function callOf(payload: Uint8Array): { readonly reference: number; readonly fromDestination: boolean } | undefined {
  if (payload.length < 5 || payload[0] !== 8 || payload[1] !== 2) return undefined;
  const word = (payload[2]! << 8) | payload[3]!;
  return { reference: word & 0x7fff, fromDestination: word >= 0x8000 };
}
