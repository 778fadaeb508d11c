import { boolean, choice, type Infer, integer, nul, octetString, oid, optional as opt, sequence, sequenceOf } from "../per/index.ts";
import {
  EndpointIdentifier,
  BandWidth,
  TimeToLive,
  Language,
  TransportAddress,
  AliasAddress,
  Aliases,
  AddressPattern,
  VendorIdentifier,
  QseriesOptions,
  SecurityErrors2,
  SecurityErrors,
} from "./common.ts";
import {
  SupportedPrefix,
  EndpointType,
  security,
  AlternateTransportAddresses,
  UseSpecifiedTransport,
  IntegrityMechanism,
  ICV,
} from "./endpoint.ts";
import { AuthenticationMechanism } from "./h235.ts";
import {
  requestSeqNum,
  protocolIdentifier,
  nonStandardData,
  gatekeeperIdentifier,
  altGKInfo,
  featureSet,
  genericData,
  assignedGatekeeper,
  capacity,
  serviceControl,
  addresses,
  endpoints,
  gatekeepers,
  secured,
  rehomingModel,
  securityDenial,
} from "./ras-fields.ts";
import { RasUsageInfoTypes, RasUsageSpecification, TransportQOS } from "./ras-types.ts";

// RAS: gatekeeper discovery and registration (H.225.0 7.8 to 7.10).

export const GatekeeperRequest = sequence(
  {
    requestSeqNum,
    protocolIdentifier,
    nonStandardData,
    rasAddress: TransportAddress,
    endpointType: EndpointType,
    gatekeeperIdentifier,
    callServices: opt(QseriesOptions),
    endpointAlias: opt(Aliases),
  },
  {
    alternateEndpoints: endpoints,
    ...security,
    authenticationCapability: opt(sequenceOf(AuthenticationMechanism)),
    algorithmOIDs: opt(sequenceOf(oid)),
    integrity: opt(sequenceOf(IntegrityMechanism)),
    integrityCheckValue: opt(ICV),
    supportsAltGK: opt(nul),
    featureSet,
    genericData,
    supportsAssignedGK: boolean,
    assignedGatekeeper,
  },
);

export const GatekeeperConfirm = sequence(
  { requestSeqNum, protocolIdentifier, nonStandardData, gatekeeperIdentifier, rasAddress: TransportAddress },
  {
    alternateGatekeeper: gatekeepers,
    authenticationMode: opt(AuthenticationMechanism),
    ...security,
    algorithmOID: opt(oid),
    integrity: opt(sequenceOf(IntegrityMechanism)),
    integrityCheckValue: opt(ICV),
    featureSet,
    genericData,
    assignedGatekeeper,
    rehomingModel,
  },
);

export const GatekeeperReject = sequence(
  {
    requestSeqNum,
    protocolIdentifier,
    nonStandardData,
    gatekeeperIdentifier,
    rejectReason: choice(
      { resourceUnavailable: nul, terminalExcluded: nul, invalidRevision: nul, undefinedReason: nul },
      { securityDenial, genericDataReason: nul, neededFeatureNotSupported: nul, securityError: SecurityErrors },
    ),
  },
  { altGKInfo, ...secured, featureSet, genericData },
);

export const RegistrationRequest = sequence(
  {
    requestSeqNum,
    protocolIdentifier,
    nonStandardData,
    discoveryComplete: boolean,
    callSignalAddress: addresses,
    rasAddress: addresses,
    terminalType: EndpointType,
    terminalAlias: opt(Aliases),
    gatekeeperIdentifier,
    endpointVendor: VendorIdentifier,
  },
  {
    alternateEndpoints: endpoints,
    timeToLive: opt(TimeToLive),
    ...secured,
    keepAlive: boolean,
    endpointIdentifier: opt(EndpointIdentifier),
    willSupplyUUIEs: boolean,
    maintainConnection: boolean,
    alternateTransportAddresses: opt(AlternateTransportAddresses),
    additiveRegistration: opt(nul),
    terminalAliasPattern: opt(sequenceOf(AddressPattern)),
    supportsAltGK: opt(nul),
    usageReportingCapability: opt(RasUsageInfoTypes),
    multipleCalls: opt(boolean),
    supportedH248Packages: opt(sequenceOf(octetString())),
    callCreditCapability: opt(sequence({ canDisplayAmountString: opt(boolean), canEnforceDurationLimit: opt(boolean) }, {})),
    capacityReportingCapability: opt(sequence({ canReportCallCapacity: boolean }, {})),
    capacity,
    featureSet,
    genericData,
    restart: opt(nul),
    supportsACFSequences: opt(nul),
    supportsAssignedGK: boolean,
    assignedGatekeeper,
    transportQOS: opt(TransportQOS),
    language: opt(Language),
  },
);

export const RegistrationConfirm = sequence(
  {
    requestSeqNum,
    protocolIdentifier,
    nonStandardData,
    callSignalAddress: addresses,
    terminalAlias: opt(Aliases),
    gatekeeperIdentifier,
    endpointIdentifier: EndpointIdentifier,
  },
  {
    alternateGatekeeper: gatekeepers,
    timeToLive: opt(TimeToLive),
    ...secured,
    willRespondToIRR: boolean,
    preGrantedARQ: opt(
      sequence(
        {
          makeCall: boolean,
          useGKCallSignalAddressToMakeCall: boolean,
          answerCall: boolean,
          useGKCallSignalAddressToAnswer: boolean,
        },
        {
          irrFrequencyInCall: opt(integer(1, 65535)),
          totalBandwidthRestriction: opt(BandWidth),
          alternateTransportAddresses: opt(AlternateTransportAddresses),
          useSpecifiedTransport: opt(UseSpecifiedTransport),
        },
      ),
    ),
    maintainConnection: boolean,
    serviceControl,
    supportsAdditiveRegistration: opt(nul),
    terminalAliasPattern: opt(sequenceOf(AddressPattern)),
    supportedPrefixes: opt(sequenceOf(SupportedPrefix)),
    usageSpec: opt(sequenceOf(RasUsageSpecification)),
    featureServerAlias: opt(AliasAddress),
    capacityReportingSpec: opt(sequence({ when: sequence({ callStart: opt(nul), callEnd: opt(nul) }, {}) }, {})),
    featureSet,
    genericData,
    assignedGatekeeper,
    rehomingModel,
    transportQOS: opt(TransportQOS),
    language: opt(Language),
  },
);

export const RegistrationRejectReason = choice(
  {
    discoveryRequired: nul,
    invalidRevision: nul,
    invalidCallSignalAddress: nul,
    invalidRASAddress: nul,
    duplicateAlias: Aliases,
    invalidTerminalType: nul,
    undefinedReason: nul,
    transportNotSupported: nul,
  },
  {
    transportQOSNotSupported: nul,
    resourceUnavailable: nul,
    invalidAlias: nul,
    securityDenial,
    fullRegistrationRequired: nul,
    additiveRegistrationNotSupported: nul,
    invalidTerminalAliases: sequence(
      {
        terminalAlias: opt(Aliases),
        terminalAliasPattern: opt(sequenceOf(AddressPattern)),
        supportedPrefixes: opt(sequenceOf(SupportedPrefix)),
      },
      {},
    ),
    genericDataReason: nul,
    neededFeatureNotSupported: nul,
    securityError: SecurityErrors,
    registerWithAssignedGK: nul,
  },
);
export type RegistrationRejectReason = Infer<typeof RegistrationRejectReason>;

export const RegistrationReject = sequence(
  { requestSeqNum, protocolIdentifier, nonStandardData, rejectReason: RegistrationRejectReason, gatekeeperIdentifier },
  { altGKInfo, ...secured, featureSet, genericData, assignedGatekeeper },
);

export const UnregistrationRequest = sequence(
  {
    requestSeqNum,
    callSignalAddress: addresses,
    endpointAlias: opt(Aliases),
    nonStandardData,
    endpointIdentifier: opt(EndpointIdentifier),
  },
  {
    alternateEndpoints: endpoints,
    gatekeeperIdentifier,
    ...secured,
    reason: opt(
      choice(
        { reregistrationRequired: nul, ttlExpired: nul, securityDenial, undefinedReason: nul },
        { maintenance: nul, securityError: SecurityErrors2, registerWithAssignedGK: nul },
      ),
    ),
    endpointAliasPattern: opt(sequenceOf(AddressPattern)),
    supportedPrefixes: opt(sequenceOf(SupportedPrefix)),
    alternateGatekeeper: gatekeepers,
    genericData,
    assignedGatekeeper,
  },
);
export const UnregistrationConfirm = sequence({ requestSeqNum, nonStandardData }, { ...secured, genericData, assignedGatekeeper });
export const UnregistrationReject = sequence(
  {
    requestSeqNum,
    rejectReason: choice(
      { notCurrentlyRegistered: nul, callInProgress: nul, undefinedReason: nul },
      { permissionDenied: nul, securityDenial, securityError: SecurityErrors2 },
    ),
    nonStandardData,
  },
  { altGKInfo, ...secured, genericData },
);
