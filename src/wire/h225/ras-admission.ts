import { boolean, choice, type Infer, integer, nul, optional as opt, sequence, sequenceOf } from "../per/index.ts";
import {
  ConferenceIdentifier,
  CallIdentifier,
  EndpointIdentifier,
  BandWidth,
  CallReferenceValue,
  Language,
  TransportAddress,
  PartyNumber,
  Aliases,
  TunnelledProtocol,
  CallType,
  CallModel,
  QseriesOptions,
  SecurityErrors2,
} from "./common.ts";
import { DataRate, EndpointType, security, AlternateTransportAddresses, UseSpecifiedTransport, CallLinkage, ICV } from "./endpoint.ts";
import {
  requestSeqNum,
  nonStandardData,
  gatekeeperIdentifier,
  altGKInfo,
  featureSet,
  genericData,
  assignedGatekeeper,
  capacity,
  circuitInfo,
  serviceControl,
  addresses,
  endpoints,
  protocols,
  secured,
  securityDenial,
} from "./ras-fields.ts";
import {
  RasUsageSpecification,
  RasUsageInformation,
  CallTerminationCause,
  BandwidthDetails,
  TransportQOS,
  UUIEsRequested,
} from "./ras-types.ts";

// RAS: admission, bandwidth, location and disengage (H.225.0 7.11 to 7.14).

export const AdmissionRequest = sequence(
  {
    requestSeqNum,
    callType: CallType,
    callModel: opt(CallModel),
    endpointIdentifier: EndpointIdentifier,
    destinationInfo: opt(Aliases),
    destCallSignalAddress: opt(TransportAddress),
    destExtraCallInfo: opt(Aliases),
    srcInfo: Aliases,
    srcCallSignalAddress: opt(TransportAddress),
    bandWidth: BandWidth,
    callReferenceValue: CallReferenceValue,
    nonStandardData,
    callServices: opt(QseriesOptions),
    conferenceID: ConferenceIdentifier,
    activeMC: boolean,
    answerCall: boolean,
  },
  {
    canMapAlias: boolean,
    callIdentifier: CallIdentifier,
    srcAlternatives: endpoints,
    destAlternatives: endpoints,
    gatekeeperIdentifier,
    ...secured,
    transportQOS: opt(TransportQOS),
    willSupplyUUIEs: boolean,
    callLinkage: opt(CallLinkage),
    gatewayDataRate: opt(DataRate),
    capacity,
    circuitInfo,
    desiredProtocols: protocols,
    desiredTunnelledProtocol: opt(TunnelledProtocol),
    featureSet,
    genericData,
    canMapSrcAlias: boolean,
  },
);

export const AdmissionConfirm = sequence(
  {
    requestSeqNum,
    bandWidth: BandWidth,
    callModel: CallModel,
    destCallSignalAddress: TransportAddress,
    irrFrequency: opt(integer(1, 65535)),
    nonStandardData,
  },
  {
    destinationInfo: opt(Aliases),
    destExtraCallInfo: opt(Aliases),
    destinationType: opt(EndpointType),
    remoteExtensionAddress: opt(Aliases),
    alternateEndpoints: endpoints,
    ...secured,
    transportQOS: opt(TransportQOS),
    willRespondToIRR: boolean,
    uuiesRequested: UUIEsRequested,
    language: opt(Language),
    alternateTransportAddresses: opt(AlternateTransportAddresses),
    useSpecifiedTransport: opt(UseSpecifiedTransport),
    circuitInfo,
    usageSpec: opt(sequenceOf(RasUsageSpecification)),
    supportedProtocols: protocols,
    serviceControl,
    multipleCalls: opt(boolean),
    featureSet,
    genericData,
    modifiedSrcInfo: opt(Aliases),
    assignedGatekeeper,
  },
);

export const AdmissionRejectReason = choice(
  {
    calledPartyNotRegistered: nul,
    invalidPermission: nul,
    requestDenied: nul,
    undefinedReason: nul,
    callerNotRegistered: nul,
    routeCallToGatekeeper: nul,
    invalidEndpointIdentifier: nul,
    resourceUnavailable: nul,
  },
  {
    securityDenial,
    qosControlNotSupported: nul,
    incompleteAddress: nul,
    aliasesInconsistent: nul,
    routeCallToSCN: sequenceOf(PartyNumber),
    exceedsCallCapacity: nul,
    collectDestination: nul,
    collectPIN: nul,
    genericDataReason: nul,
    neededFeatureNotSupported: nul,
    securityError: SecurityErrors2,
    securityDHmismatch: nul,
    noRouteToDestination: nul,
    unallocatedNumber: nul,
    registerWithAssignedGK: nul,
  },
);
export type AdmissionRejectReason = Infer<typeof AdmissionRejectReason>;

export const AdmissionReject = sequence(
  { requestSeqNum, rejectReason: AdmissionRejectReason, nonStandardData },
  {
    altGKInfo,
    ...security,
    callSignalAddress: opt(addresses),
    integrityCheckValue: opt(ICV),
    serviceControl,
    featureSet,
    genericData,
    assignedGatekeeper,
  },
);

export const BandwidthRequest = sequence(
  {
    requestSeqNum,
    endpointIdentifier: EndpointIdentifier,
    conferenceID: ConferenceIdentifier,
    callReferenceValue: CallReferenceValue,
    callType: opt(CallType),
    bandWidth: BandWidth,
    nonStandardData,
  },
  {
    callIdentifier: CallIdentifier,
    gatekeeperIdentifier,
    ...secured,
    answeredCall: boolean,
    callLinkage: opt(CallLinkage),
    capacity,
    usageInformation: opt(RasUsageInformation),
    bandwidthDetails: opt(sequenceOf(BandwidthDetails)),
    genericData,
    transportQOS: opt(TransportQOS),
  },
);
export const BandwidthConfirm = sequence(
  { requestSeqNum, bandWidth: BandWidth, nonStandardData },
  { ...secured, capacity, genericData, transportQOS: opt(TransportQOS) },
);
export const BandwidthReject = sequence(
  {
    requestSeqNum,
    rejectReason: choice(
      {
        notBound: nul,
        invalidConferenceID: nul,
        invalidPermission: nul,
        insufficientResources: nul,
        invalidRevision: nul,
        undefinedReason: nul,
      },
      { securityDenial, securityError: SecurityErrors2 },
    ),
    allowedBandWidth: BandWidth,
    nonStandardData,
  },
  { altGKInfo, ...secured, genericData },
);

export const LocationRequest = sequence(
  {
    requestSeqNum,
    endpointIdentifier: opt(EndpointIdentifier),
    destinationInfo: Aliases,
    nonStandardData,
    replyAddress: TransportAddress,
  },
  {
    sourceInfo: opt(Aliases),
    canMapAlias: boolean,
    gatekeeperIdentifier,
    ...secured,
    desiredProtocols: protocols,
    desiredTunnelledProtocol: opt(TunnelledProtocol),
    featureSet,
    genericData,
    hopCount: opt(integer(1, 255)),
    circuitInfo,
    callIdentifier: opt(CallIdentifier),
    bandWidth: opt(BandWidth),
    sourceEndpointInfo: opt(Aliases),
    canMapSrcAlias: boolean,
    language: opt(Language),
  },
);
export const LocationConfirm = sequence(
  { requestSeqNum, callSignalAddress: TransportAddress, rasAddress: TransportAddress, nonStandardData },
  {
    destinationInfo: opt(Aliases),
    destExtraCallInfo: opt(Aliases),
    destinationType: opt(EndpointType),
    remoteExtensionAddress: opt(Aliases),
    alternateEndpoints: endpoints,
    ...secured,
    alternateTransportAddresses: opt(AlternateTransportAddresses),
    supportedProtocols: protocols,
    multipleCalls: opt(boolean),
    featureSet,
    genericData,
    circuitInfo,
    serviceControl,
    modifiedSrcInfo: opt(Aliases),
    bandWidth: opt(BandWidth),
    language: opt(Language),
  },
);
export const LocationReject = sequence(
  {
    requestSeqNum,
    rejectReason: choice(
      { notRegistered: nul, invalidPermission: nul, requestDenied: nul, undefinedReason: nul },
      {
        securityDenial,
        aliasesInconsistent: nul,
        routeCalltoSCN: sequenceOf(PartyNumber),
        resourceUnavailable: nul,
        genericDataReason: nul,
        neededFeatureNotSupported: nul,
        hopCountExceeded: nul,
        incompleteAddress: nul,
        securityError: SecurityErrors2,
        securityDHmismatch: nul,
        noRouteToDestination: nul,
        unallocatedNumber: nul,
      },
    ),
    nonStandardData,
  },
  { altGKInfo, ...secured, featureSet, genericData, serviceControl },
);

export const DisengageRequest = sequence(
  {
    requestSeqNum,
    endpointIdentifier: EndpointIdentifier,
    conferenceID: ConferenceIdentifier,
    callReferenceValue: CallReferenceValue,
    disengageReason: choice({ forcedDrop: nul, normalDrop: nul, undefinedReason: nul }, {}),
    nonStandardData,
  },
  {
    callIdentifier: CallIdentifier,
    gatekeeperIdentifier,
    ...secured,
    answeredCall: boolean,
    callLinkage: opt(CallLinkage),
    capacity,
    circuitInfo,
    usageInformation: opt(RasUsageInformation),
    terminationCause: opt(CallTerminationCause),
    serviceControl,
    genericData,
  },
);
export const DisengageConfirm = sequence(
  { requestSeqNum, nonStandardData },
  { ...secured, capacity, circuitInfo, usageInformation: opt(RasUsageInformation), genericData, assignedGatekeeper },
);
export const DisengageReject = sequence(
  {
    requestSeqNum,
    rejectReason: choice({ notRegistered: nul, requestToDropOther: nul }, { securityDenial, securityError: SecurityErrors2 }),
    nonStandardData,
  },
  { altGKInfo, ...secured, genericData },
);
