import {
  boolean,
  choice,
  decode,
  encode,
  type Infer,
  integer,
  nul,
  octetString,
  optional as opt,
  sequence,
  sequenceOf,
  size,
} from "../per/index.ts";
import {
  AliasAddress,
  Aliases,
  CallIdentifier,
  CallReferenceValue,
  CallType,
  ConferenceIdentifier,
  DisplayName,
  EndpointIdentifier,
  ExtendedAliasAddress,
  Language,
  NonStandardParameter,
  PresentationIndicator,
  ProtocolIdentifier,
  QseriesOptions,
  ScreeningIndicator,
  SecurityErrors,
  TransportAddress,
  TunnelledProtocol,
  u8,
  u16,
} from "./common.ts";
import {
  CallCapacity,
  CallLinkage,
  CircuitInfo,
  EndpointType,
  H245Security,
  security,
  ServiceControlSession,
  SupportedProtocols,
} from "./endpoint.ts";
import { FeatureSet, GenericDataList } from "./generic.ts";

// H323-MESSAGES, call signalling part (H.225.0 version 7, 12/2009).

const fastStart = opt(sequenceOf(octetString()));
const serviceControl = opt(sequenceOf(ServiceControlSession));
const capacity = opt(CallCapacity);
const featureSet = opt(FeatureSet);
const displayName = opt(sequenceOf(DisplayName));
const presented = { presentationIndicator: opt(PresentationIndicator), screeningIndicator: opt(ScreeningIndicator) };
const common = { callIdentifier: CallIdentifier, h245SecurityMode: opt(H245Security), ...security, fastStart };
const connections = { multipleCalls: boolean, maintainConnection: boolean };

export const AlertingUUIE = sequence(
  { protocolIdentifier: ProtocolIdentifier, destinationInfo: EndpointType, h245Address: opt(TransportAddress) },
  {
    ...common,
    ...connections,
    alertingAddress: opt(Aliases),
    ...presented,
    fastConnectRefused: opt(nul),
    serviceControl,
    capacity,
    featureSet,
    displayName,
  },
);

export const CallProceedingUUIE = sequence(
  { protocolIdentifier: ProtocolIdentifier, destinationInfo: EndpointType, h245Address: opt(TransportAddress) },
  { ...common, ...connections, fastConnectRefused: opt(nul), featureSet },
);

export const ConnectUUIE = sequence(
  {
    protocolIdentifier: ProtocolIdentifier,
    h245Address: opt(TransportAddress),
    destinationInfo: EndpointType,
    conferenceID: ConferenceIdentifier,
  },
  {
    ...common,
    ...connections,
    language: opt(Language),
    connectedAddress: opt(Aliases),
    ...presented,
    fastConnectRefused: opt(nul),
    serviceControl,
    capacity,
    featureSet,
    displayName,
  },
);

export const InformationUUIE = sequence(
  { protocolIdentifier: ProtocolIdentifier },
  { callIdentifier: CallIdentifier, ...security, fastStart, fastConnectRefused: opt(nul), circuitInfo: opt(CircuitInfo) },
);

export const ReleaseCompleteReason = choice(
  {
    noBandwidth: nul,
    gatekeeperResources: nul,
    unreachableDestination: nul,
    destinationRejection: nul,
    invalidRevision: nul,
    noPermission: nul,
    unreachableGatekeeper: nul,
    gatewayResources: nul,
    badFormatAddress: nul,
    adaptiveBusy: nul,
    inConf: nul,
    undefinedReason: nul,
  },
  {
    facilityCallDeflection: nul,
    securityDenied: nul,
    calledPartyNotRegistered: nul,
    callerNotRegistered: nul,
    newConnectionNeeded: nul,
    nonStandardReason: NonStandardParameter,
    replaceWithConferenceInvite: ConferenceIdentifier,
    genericDataReason: nul,
    neededFeatureNotSupported: nul,
    tunnelledSignallingRejected: nul,
    invalidCID: nul,
    securityError: SecurityErrors,
    hopCountExceeded: nul,
  },
);
export type ReleaseCompleteReason = Infer<typeof ReleaseCompleteReason>;

export const ReleaseCompleteUUIE = sequence(
  { protocolIdentifier: ProtocolIdentifier, reason: opt(ReleaseCompleteReason) },
  {
    callIdentifier: CallIdentifier,
    ...security,
    busyAddress: opt(Aliases),
    ...presented,
    capacity,
    serviceControl,
    featureSet,
    destinationInfo: opt(EndpointType),
    displayName,
  },
);

const ScnConnectionType = choice(
  { unknown: nul, bChannel: nul, hybrid2x64: nul, hybrid384: nul, hybrid1536: nul, hybrid1920: nul, multirate: nul },
  {},
);
const ScnConnectionAggregation = choice(
  { auto: nul, none: nul, h221: nul, "bonded-mode1": nul, "bonded-mode2": nul, "bonded-mode3": nul },
  {},
);

export const SetupUUIE = sequence(
  {
    protocolIdentifier: ProtocolIdentifier,
    h245Address: opt(TransportAddress),
    sourceAddress: opt(Aliases),
    sourceInfo: EndpointType,
    destinationAddress: opt(Aliases),
    destCallSignalAddress: opt(TransportAddress),
    destExtraCallInfo: opt(Aliases),
    destExtraCRV: opt(sequenceOf(CallReferenceValue)),
    activeMC: boolean,
    conferenceID: ConferenceIdentifier,
    conferenceGoal: choice(
      { create: nul, join: nul, invite: nul },
      { "capability-negotiation": nul, callIndependentSupplementaryService: nul },
    ),
    callServices: opt(QseriesOptions),
    callType: CallType,
  },
  {
    sourceCallSignalAddress: opt(TransportAddress),
    remoteExtensionAddress: opt(AliasAddress),
    callIdentifier: CallIdentifier,
    h245SecurityCapability: opt(sequenceOf(H245Security)),
    ...security,
    fastStart,
    mediaWaitForConnect: boolean,
    canOverlapSend: boolean,
    endpointIdentifier: opt(EndpointIdentifier),
    ...connections,
    connectionParameters: opt(
      sequence({ connectionType: ScnConnectionType, numberOfScnConnections: u16, connectionAggregation: ScnConnectionAggregation }, {}),
    ),
    language: opt(Language),
    ...presented,
    serviceControl,
    symmetricOperationRequired: opt(nul),
    capacity,
    circuitInfo: opt(CircuitInfo),
    desiredProtocols: opt(sequenceOf(SupportedProtocols)),
    neededFeatures: GenericDataList,
    desiredFeatures: GenericDataList,
    supportedFeatures: GenericDataList,
    parallelH245Control: opt(sequenceOf(octetString())),
    additionalSourceAddresses: opt(sequenceOf(ExtendedAliasAddress)),
    hopCount: opt(integer(1, 31)),
    displayName,
  },
);

export const FacilityReason = choice(
  { routeCallToGatekeeper: nul, callForwarded: nul, routeCallToMC: nul, undefinedReason: nul },
  {
    conferenceListChoice: nul,
    startH245: nul,
    noH245: nul,
    newTokens: nul,
    featureSetUpdate: nul,
    forwardedElements: nul,
    transportedInformation: nul,
  },
);

export const FacilityUUIE = sequence(
  {
    protocolIdentifier: ProtocolIdentifier,
    alternativeAddress: opt(TransportAddress),
    alternativeAliasAddress: opt(Aliases),
    conferenceID: opt(ConferenceIdentifier),
    reason: FacilityReason,
  },
  {
    callIdentifier: CallIdentifier,
    destExtraCallInfo: opt(Aliases),
    remoteExtensionAddress: opt(AliasAddress),
    ...security,
    conferences: opt(
      sequenceOf(
        sequence(
          { conferenceID: opt(ConferenceIdentifier), conferenceAlias: opt(AliasAddress), nonStandardData: opt(NonStandardParameter) },
          {},
        ),
      ),
    ),
    h245Address: opt(TransportAddress),
    fastStart,
    ...connections,
    fastConnectRefused: opt(nul),
    serviceControl,
    circuitInfo: opt(CircuitInfo),
    featureSet,
    destinationInfo: opt(EndpointType),
    h245SecurityMode: opt(H245Security),
  },
);

export const ProgressUUIE = sequence(
  { protocolIdentifier: ProtocolIdentifier, destinationInfo: EndpointType, h245Address: opt(TransportAddress), ...common },
  { ...connections, fastConnectRefused: opt(nul) },
);

const identified = { protocolIdentifier: ProtocolIdentifier, callIdentifier: CallIdentifier, ...security };
export const StatusUUIE = sequence(identified, {});
export const NotifyUUIE = sequence(identified, {
  connectedAddress: opt(Aliases),
  ...presented,
  destinationInfo: opt(EndpointType),
  displayName,
});

export const H323UuPdu = sequence(
  {
    "h323-message-body": choice(
      {
        setup: SetupUUIE,
        callProceeding: CallProceedingUUIE,
        connect: ConnectUUIE,
        alerting: AlertingUUIE,
        information: InformationUUIE,
        releaseComplete: ReleaseCompleteUUIE,
        facility: FacilityUUIE,
      },
      {
        progress: ProgressUUIE,
        empty: nul,
        status: StatusUUIE,
        statusInquiry: StatusUUIE,
        setupAcknowledge: StatusUUIE,
        notify: NotifyUUIE,
      },
    ),
    nonStandardData: opt(NonStandardParameter),
  },
  {
    h4501SupplementaryService: opt(sequenceOf(octetString())),
    h245Tunnelling: boolean,
    h245Control: opt(sequenceOf(octetString())),
    nonStandardControl: opt(sequenceOf(NonStandardParameter)),
    callLinkage: opt(CallLinkage),
    tunnelledSignallingMessage: opt(
      sequence(
        {
          tunnelledProtocolID: TunnelledProtocol,
          messageContent: sequenceOf(octetString()),
          tunnellingRequired: opt(nul),
          nonStandardData: opt(NonStandardParameter),
        },
        {},
      ),
    ),
    provisionalRespToH245Tunnelling: opt(nul),
    stimulusControl: opt(sequence({ nonStandard: opt(NonStandardParameter), isText: opt(nul), h248Message: opt(octetString()) }, {})),
    genericData: GenericDataList,
  },
);
export type H323UuPdu = Infer<typeof H323UuPdu>;

/** What the user-user information element holds. */
export const H323UserInformation = sequence(
  {
    "h323-uu-pdu": H323UuPdu,
    "user-data": opt(sequence({ "protocol-discriminator": u8, "user-information": octetString(size(1, 131)) }, {})),
  },
  {},
);
export type H323UserInformation = Infer<typeof H323UserInformation>;
export type MessageBody = H323UuPdu["h323-message-body"];
export type SetupUUIE = Infer<typeof SetupUUIE>;

/** `protocolIdentifier` of the version implemented: H.225.0 version 7. */
export const H225_VERSION = "0.0.8.2250.0.7";

/** Decodes the contents of the user-user element behind its protocol discriminator. Throws PerError. */
export const decodeUserInformation = (bytes: Uint8Array): H323UserInformation => decode(H323UserInformation, bytes);
export const encodeUserInformation = (value: H323UserInformation): Uint8Array => encode(H323UserInformation, value);
