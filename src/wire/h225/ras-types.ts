import { boolean, choice, integer, nul, octetString, optional as opt, printableString, sequence, sequenceOf, size } from "../per/index.ts";
import { QOSCapability } from "../h245/multiplex.ts";
import {
  BandWidth,
  CallIdentifier,
  CallModel,
  CallReferenceValue,
  CallType,
  ConferenceIdentifier,
  GatekeeperIdentifier,
  NonStandardParameter,
  TransportAddress,
} from "./common.ts";
import { CallLinkage, CircuitInfo, security } from "./endpoint.ts";
import { TimeStamp } from "./h235.ts";
import { H323UuPdu, ReleaseCompleteReason } from "./uuie.ts";

/** Another gatekeeper to turn to, least `priority` first (H.225.0 7.6, H.323 7.2.6). */
export const AlternateGK = sequence(
  {
    rasAddress: TransportAddress,
    gatekeeperIdentifier: opt(GatekeeperIdentifier),
    needToRegister: boolean,
    priority: integer(0, 127),
  },
  {},
);
export const AltGKInfo = sequence({ alternateGatekeeper: sequenceOf(AlternateGK), altGKisPermanent: boolean }, {});

export const RasUsageInfoTypes = sequence(
  {
    nonStandardUsageTypes: sequenceOf(NonStandardParameter),
    startTime: opt(nul),
    endTime: opt(nul),
    terminationCause: opt(nul),
  },
  {},
);
export const RasUsageSpecification = sequence(
  {
    when: sequence({ start: opt(nul), end: opt(nul), inIrr: opt(nul) }, {}),
    callStartingPoint: opt(sequence({ alerting: opt(nul), connect: opt(nul) }, {})),
    required: RasUsageInfoTypes,
  },
  {},
);
export const RasUsageInformation = sequence(
  {
    nonStandardUsageFields: sequenceOf(NonStandardParameter),
    alertingTime: opt(TimeStamp),
    connectTime: opt(TimeStamp),
    endTime: opt(TimeStamp),
  },
  {},
);
export const CallTerminationCause = choice(
  { releaseCompleteReason: ReleaseCompleteReason, releaseCompleteCauseIE: octetString(size(2, 32)) },
  {},
);

const TransportChannelInfo = sequence({ sendAddress: opt(TransportAddress), recvAddress: opt(TransportAddress) }, {});
export const BandwidthDetails = sequence(
  { sender: boolean, multicast: boolean, bandwidth: BandWidth, rtcpAddresses: TransportChannelInfo },
  {},
);
const RTPSession = sequence(
  {
    rtpAddress: TransportChannelInfo,
    rtcpAddress: TransportChannelInfo,
    cname: printableString(),
    ssrc: integer(1, 4294967295),
    sessionId: integer(1, 255),
    associatedSessionIds: sequenceOf(integer(1, 255)),
  },
  { multicast: opt(nul), bandwidth: opt(BandWidth) },
);

export const TransportQOS = choice(
  { endpointControlled: nul, gatekeeperControlled: nul, noControl: nul },
  { qOSCapabilities: sequenceOf(QOSCapability, size(1, 256)) },
);

export const UUIEsRequested = sequence(
  {
    setup: boolean,
    callProceeding: boolean,
    connect: boolean,
    alerting: boolean,
    information: boolean,
    releaseComplete: boolean,
    facility: boolean,
    progress: boolean,
    empty: boolean,
  },
  { status: boolean, statusInquiry: boolean, setupAcknowledge: boolean, notify: boolean },
);

/** Of each call in progress, in an information response. */
export const perCallInfo = sequenceOf(
  sequence(
    {
      nonStandardData: opt(NonStandardParameter),
      callReferenceValue: CallReferenceValue,
      conferenceID: ConferenceIdentifier,
      originator: opt(boolean),
      audio: opt(sequenceOf(RTPSession)),
      video: opt(sequenceOf(RTPSession)),
      data: opt(sequenceOf(TransportChannelInfo)),
      h245: TransportChannelInfo,
      callSignaling: TransportChannelInfo,
      callType: CallType,
      bandWidth: BandWidth,
      callModel: CallModel,
    },
    {
      callIdentifier: CallIdentifier,
      ...security,
      substituteConfIDs: sequenceOf(ConferenceIdentifier),
      pdu: opt(sequenceOf(sequence({ h323pdu: H323UuPdu, sent: boolean }))),
      callLinkage: opt(CallLinkage),
      usageInformation: opt(RasUsageInformation),
      circuitInfo: opt(CircuitInfo),
    },
  ),
);
