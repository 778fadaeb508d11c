import { ParseError } from "../../base/errors.ts";
import { decodeQ931, encodeQ931, IE, type InformationElement, type MessageType } from "./q931.ts";
import { decodeUserInformation, encodeUserInformation, type H323UserInformation } from "./uuie.ts";

/** A call signalling message: Q.931 with the H.323 user information decoded. */
export interface SignallingMessage {
  readonly type: MessageType | number;
  readonly callReference: number;
  readonly fromDestination: boolean;
  /** All elements but user-user, in order. */
  readonly elements: readonly InformationElement[];
  /** H.323's part; a message without one is legal Q.931 and no H.225.0, but is seen. */
  readonly info: H323UserInformation | undefined;
}

/** ISO/IEC 8824 (X.680) in the user-user element's first octet, H.225.0 7.2.2.31. */
const X680 = 5;

/** Decodes a TPKT payload of the call signalling channel. Throws ParseError or PerError. */
export function decodeSignalling(bytes: Uint8Array): SignallingMessage {
  const { elements, ...head } = decodeQ931(bytes);
  const user = elements.find((e) => e.id === IE.userUser);
  if (user !== undefined && user.contents[0] !== X680) throw new ParseError(`user-user protocol discriminator ${user.contents[0]}`);
  return {
    ...head,
    elements: elements.filter((e) => e !== user),
    info: user === undefined ? undefined : decodeUserInformation(user.contents.subarray(1)),
  };
}

/** Encodes a message, the user-user element last. */
export function encodeSignalling(message: SignallingMessage): Uint8Array {
  const { info, elements, ...head } = message;
  if (info === undefined) return encodeQ931({ ...head, elements });
  const user = { id: IE.userUser, contents: Buffer.concat([Uint8Array.of(X680), encodeUserInformation(info)]) };
  return encodeQ931({ ...head, elements: [...elements, user] });
}
