import {
  boolean,
  choice,
  contents,
  decode,
  encode,
  type Infer,
  integer,
  nul,
  octetString,
  optional as opt,
  sequence,
  sequenceOf,
} from "../per/index.ts";
import {
  u16,
  ConferenceIdentifier,
  CallIdentifier,
  EndpointIdentifier,
  CallReferenceValue,
  NonStandardParameter,
  TransportAddress,
  Aliases,
  SecurityErrors2,
} from "./common.ts";
import { SupportedProtocols, EndpointType, ServiceControlSession, CallLinkage } from "./endpoint.ts";
import {
  AdmissionRequest,
  AdmissionConfirm,
  AdmissionReject,
  BandwidthRequest,
  BandwidthConfirm,
  BandwidthReject,
  LocationRequest,
  LocationConfirm,
  LocationReject,
  DisengageRequest,
  DisengageConfirm,
  DisengageReject,
} from "./ras-admission.ts";
import {
  requestSeqNum,
  protocolIdentifier,
  nonStandardData,
  altGKInfo,
  featureSet,
  genericData,
  assignedGatekeeper,
  capacity,
  addresses,
  secured,
  securityDenial,
} from "./ras-fields.ts";
import {
  GatekeeperRequest,
  GatekeeperConfirm,
  GatekeeperReject,
  RegistrationRequest,
  RegistrationConfirm,
  RegistrationReject,
  UnregistrationRequest,
  UnregistrationConfirm,
  UnregistrationReject,
} from "./ras-registration.ts";
import { RasUsageInfoTypes, UUIEsRequested, perCallInfo } from "./ras-types.ts";

// H323-MESSAGES, RAS part (H.225.0 version 7, 12/2009): information, the rest, and the root.

const InfoRequest = sequence(
  { requestSeqNum, callReferenceValue: CallReferenceValue, nonStandardData, replyAddress: opt(TransportAddress) },
  {
    callIdentifier: CallIdentifier,
    ...secured,
    uuiesRequested: opt(UUIEsRequested),
    callLinkage: opt(CallLinkage),
    usageInfoRequested: opt(RasUsageInfoTypes),
    segmentedResponseSupported: opt(nul),
    nextSegmentRequested: opt(u16),
    capacityInfoRequested: opt(nul),
    genericData,
    assignedGatekeeper,
  },
);
const InfoRequestResponse = sequence(
  {
    nonStandardData,
    requestSeqNum,
    endpointType: EndpointType,
    endpointIdentifier: EndpointIdentifier,
    rasAddress: TransportAddress,
    callSignalAddress: addresses,
    endpointAlias: opt(Aliases),
    perCallInfo: opt(perCallInfo),
  },
  {
    ...secured,
    needResponse: boolean,
    capacity,
    irrStatus: opt(choice({ complete: nul, incomplete: nul, segment: u16, invalidCall: nul }, {})),
    unsolicited: boolean,
    genericData,
  },
);
const InfoRequestAck = sequence({ requestSeqNum, nonStandardData, ...secured }, {});
const InfoRequestNak = sequence(
  {
    requestSeqNum,
    nonStandardData,
    nakReason: choice({ notRegistered: nul, securityDenial, undefinedReason: nul }, { securityError: SecurityErrors2 }),
    altGKInfo,
    ...secured,
  },
  {},
);

const NonStandardMessage = sequence({ requestSeqNum, nonStandardData: NonStandardParameter }, { ...secured, featureSet, genericData });
const UnknownMessageResponse = sequence({ requestSeqNum }, { ...secured, messageNotUnderstood: octetString() });
const RequestInProgress = sequence({ requestSeqNum, nonStandardData, ...secured, delay: integer(1, 65535) }, {});
const ResourcesAvailableIndicate = sequence(
  {
    requestSeqNum,
    protocolIdentifier,
    nonStandardData,
    endpointIdentifier: EndpointIdentifier,
    protocols: sequenceOf(SupportedProtocols),
    almostOutOfResources: boolean,
    ...secured,
  },
  { capacity, genericData },
);
const ResourcesAvailableConfirm = sequence({ requestSeqNum, protocolIdentifier, nonStandardData, ...secured }, { genericData });
const ServiceControlIndication = sequence(
  {
    requestSeqNum,
    nonStandardData,
    serviceControl: sequenceOf(ServiceControlSession),
    endpointIdentifier: opt(EndpointIdentifier),
    callSpecific: opt(sequence({ callIdentifier: CallIdentifier, conferenceID: ConferenceIdentifier, answeredCall: boolean }, {})),
    ...secured,
    featureSet,
    genericData,
  },
  {},
);
const ServiceControlResponse = sequence(
  {
    requestSeqNum,
    result: opt(choice({ started: nul, failed: nul, stopped: nul, notAvailable: nul, neededFeatureNotSupported: nul }, {})),
    nonStandardData,
    ...secured,
    featureSet,
    genericData,
  },
  {},
);

/** The root of RAS: every datagram is one of these. */
export const RasMessage = choice(
  {
    gatekeeperRequest: GatekeeperRequest,
    gatekeeperConfirm: GatekeeperConfirm,
    gatekeeperReject: GatekeeperReject,
    registrationRequest: RegistrationRequest,
    registrationConfirm: RegistrationConfirm,
    registrationReject: RegistrationReject,
    unregistrationRequest: UnregistrationRequest,
    unregistrationConfirm: UnregistrationConfirm,
    unregistrationReject: UnregistrationReject,
    admissionRequest: AdmissionRequest,
    admissionConfirm: AdmissionConfirm,
    admissionReject: AdmissionReject,
    bandwidthRequest: BandwidthRequest,
    bandwidthConfirm: BandwidthConfirm,
    bandwidthReject: BandwidthReject,
    disengageRequest: DisengageRequest,
    disengageConfirm: DisengageConfirm,
    disengageReject: DisengageReject,
    locationRequest: LocationRequest,
    locationConfirm: LocationConfirm,
    locationReject: LocationReject,
    infoRequest: InfoRequest,
    infoRequestResponse: InfoRequestResponse,
    nonStandardMessage: NonStandardMessage,
    unknownMessageResponse: UnknownMessageResponse,
  },
  {
    requestInProgress: RequestInProgress,
    resourcesAvailableIndicate: ResourcesAvailableIndicate,
    resourcesAvailableConfirm: ResourcesAvailableConfirm,
    infoRequestAck: InfoRequestAck,
    infoRequestNak: InfoRequestNak,
    serviceControlIndication: ServiceControlIndication,
    serviceControlResponse: ServiceControlResponse,
    admissionConfirmSequence: contents,
  },
);
export type RasMessage = Infer<typeof RasMessage>;

/** Decodes one datagram. Throws PerError. */
export const decodeRas = (bytes: Uint8Array): RasMessage => decode(RasMessage, bytes);
export const encodeRas = (message: RasMessage): Uint8Array => encode(RasMessage, message);
