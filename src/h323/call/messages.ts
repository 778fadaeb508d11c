import { trimEndOf } from "../../base/text.ts";
import type { AliasAddress } from "../../wire/h225/common.ts";
import * as h225 from "../../wire/h225/index.ts";
import { toH225 } from "../address.ts";
import type { CallConfig, Destination, IncomingCall } from "./types.ts";

type Body = h225.MessageBody;
type UuPdu = h225.H323UuPdu;

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Digits of the first alias that has any. */
export function digitsOf(aliases: readonly h225.AliasAddress[]): string | undefined {
  for (const a of aliases) {
    const digits = a.dialledDigits ?? a.partyNumber?.e164Number?.publicNumberDigits;
    if (digits !== undefined) return digits;
  }
  return undefined;
}

/** How aliases are written: digits as a number, everything else as a name. */
export function aliasOf(text: string): AliasAddress {
  return /^[0-9*#,]+$/.test(text) ? { dialledDigits: text } : { "h323-ID": text };
}

/** The alias as text: number, name, URL or address. */
export function aliasText(alias: AliasAddress): string {
  const number = alias.partyNumber?.e164Number?.publicNumberDigits;
  return alias.dialledDigits ?? alias["h323-ID"] ?? alias["url-ID"] ?? alias["email-ID"] ?? number ?? "";
}

/** What we are, for `sourceInfo` and `destinationInfo`. No T.35 manufacturer code has been assigned to us: zeros. */
export function endpointType({ identity }: Pick<CallConfig, "identity">): h225.EndpointType {
  return {
    vendor: {
      vendor: { t35CountryCode: 0, t35Extension: 0, manufacturerCode: 0 },
      productId: Buffer.from(identity.product, "latin1"),
      versionId: Buffer.from(identity.version, "latin1"),
    },
    gateway: identity.prefixes === undefined ? {} : { protocol: protocols(identity.prefixes) },
    mc: false,
    undefinedNode: false,
  };
}

/** Voice and H.323 by these prefixes: gatekeepers look for either. */
function protocols(numbers: readonly string[]) {
  const supportedPrefixes = numbers.map((number) => ({ prefix: { dialledDigits: number } }));
  return [{ voice: { supportedPrefixes } }, { h323: { supportedPrefixes } }];
}

const flags = { multipleCalls: false, maintainConnection: false } as const;

/** Identity of one call on the wire. */
export interface CallIds {
  readonly guid: Uint8Array;
  readonly conferenceID: Uint8Array;
}

export function setupBody(
  config: CallConfig,
  ids: CallIds,
  to: Destination,
  extra: Partial<h225.SetupUUIE>,
): { body: Body; elements: h225.InformationElement[] } {
  const { identity } = config;
  const calling = digitsOf(identity.aliases);
  const called = to.digits ?? digitsOf(to.aliases);
  const elements = [h225.bearerElement(false), h225.displayElement(identity.displayName)];
  if (calling !== undefined) elements.push(h225.callingElement(calling));
  if (called !== undefined) elements.push(h225.calledElement(called));
  const setup: h225.SetupUUIE = {
    protocolIdentifier: h225.H225_VERSION,
    sourceAddress: identity.aliases,
    sourceInfo: endpointType(config),
    ...(to.aliases.length > 0 ? { destinationAddress: to.aliases } : {}),
    destCallSignalAddress: toH225(config.peer),
    activeMC: false,
    conferenceID: ids.conferenceID,
    conferenceGoal: { create: true },
    callType: { pointToPoint: true },
    sourceCallSignalAddress: toH225(config.local),
    callIdentifier: { guid: ids.guid },
    mediaWaitForConnect: false,
    canOverlapSend: to.incomplete === true,
    ...(config.endpointIdentifier === undefined ? {} : { endpointIdentifier: config.endpointIdentifier }),
    ...flags,
    presentationIndicator: { presentationAllowed: true },
    screeningIndicator: "userProvidedNotScreened",
    ...extra,
  };
  return { body: { setup }, elements };
}

/** Parts of CallProceeding, Alerting, Progress and Connect that depend on the call. */
export interface Answering {
  readonly h245Address?: h225.TransportAddress;
  readonly fastStart?: readonly Uint8Array[];
  readonly fastConnectRefused?: true;
  readonly featureSet?: h225.FeatureSet;
  /** Half keys for media (H.235.6). */
  readonly tokens?: readonly h225.h235.ClearToken[];
}

export function proceedingBody(config: CallConfig, ids: CallIds, parts: Answering): Body {
  return { callProceeding: { ...answering(config, ids), ...parts } };
}
export function alertingBody(config: CallConfig, ids: CallIds, parts: Answering): Body {
  return { alerting: { ...answering(config, ids), ...parts } };
}
export function progressBody(config: CallConfig, ids: CallIds, parts: Answering): Body {
  return { progress: { ...answering(config, ids), ...parts } };
}
export function connectBody(config: CallConfig, ids: CallIds, parts: Answering): Body {
  return { connect: { ...answering(config, ids), conferenceID: ids.conferenceID, ...parts } };
}
function answering(config: CallConfig, ids: CallIds) {
  return {
    protocolIdentifier: h225.H225_VERSION,
    destinationInfo: endpointType(config),
    callIdentifier: { guid: ids.guid },
    ...flags,
  };
}

const about = (ids: CallIds) => ({ protocolIdentifier: h225.H225_VERSION, callIdentifier: { guid: ids.guid } });

export function releaseBody(ids: CallIds, reason: h225.ReleaseCompleteReason): Body {
  return { releaseComplete: { ...about(ids), reason } };
}
export function informationBody(ids: CallIds): Body {
  return { information: about(ids) };
}
export function statusBody(ids: CallIds): Body {
  return { status: about(ids) };
}
export function statusInquiryBody(ids: CallIds): Body {
  return { statusInquiry: about(ids) };
}
export function setupAcknowledgeBody(ids: CallIds): Body {
  return { setupAcknowledge: about(ids) };
}
/** Facility that only carries tunnelled control. */
export function transportBody(ids: CallIds): Body {
  return { facility: { ...about(ids), reason: { transportedInformation: true } } };
}
export function startControlBody(ids: CallIds, h245Address: h225.TransportAddress): Body {
  return { facility: { ...about(ids), reason: { startH245: true }, h245Address, ...flags } };
}

/** Reads who calls whom. */
export function readIncoming(
  message: h225.SignallingMessage,
  setup: h225.SetupUUIE,
  pdu: UuPdu,
  { encryption, tokens }: Pick<IncomingCall, "encryption" | "tokens">,
): IncomingCall {
  const product = setup.sourceInfo.vendor?.productId;
  return {
    called: setup.destinationAddress ?? [],
    calledNumber: h225.readNumber(h225.element(message, h225.IE.calledPartyNumber)),
    calling: setup.sourceAddress ?? [],
    callingNumber: h225.readNumber(h225.element(message, h225.IE.callingPartyNumber)),
    displayName: h225.readDisplay(h225.element(message, h225.IE.display)),
    product: readProduct(product),
    callIdentifier: setup.callIdentifier === undefined ? "" : hex(setup.callIdentifier.guid),
    conferenceId: hex(setup.conferenceID),
    fastStart: (setup.fastStart?.length ?? 0) > 0,
    tunnelling: pdu.h245Tunnelling === true,
    callReference: message.callReference,
    encryption,
    admitted: setup.endpointIdentifier !== undefined,
    tokens,
  };
}

export function readProduct(product: Uint8Array | undefined): string | undefined {
  return product === undefined ? undefined : trimEndOf(Buffer.from(product).toString("latin1"), "\0");
}
