import { bmpString, boolean, choice, integer, nul, octetString, oid, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { AudioCapability } from "./audio.ts";
import { LogicalChannelNumber, NonStandardParameter, TerminalLabel, TransportAddress, u8 } from "./common.ts";
import { DataApplicationCapability } from "./data.ts";
import { unmodelled } from "./generic.ts";
import { VideoCapability } from "./video.ts";

const TerminalID = octetString(size(1, 128));
const labelled = { terminalLabel: TerminalLabel, terminalID: TerminalID };

const CertSelectionCriteria = sequenceOf(sequence({ field: oid, value: octetString(size(1, 65535)) }, {}), size(1, 16));

/** H.245 6.2.13.3 (H.243 in a terminal's words): who is there, chair, floor. */
export const ConferenceRequest = choice(
  {
    terminalListRequest: nul,
    makeMeChair: nul,
    cancelMakeMeChair: nul,
    dropTerminal: TerminalLabel,
    requestTerminalID: TerminalLabel,
    enterH243Password: nul,
    enterH243TerminalID: nul,
    enterH243ConferenceID: nul,
  },
  {
    enterExtensionAddress: nul,
    requestChairTokenOwner: nul,
    requestTerminalCertificate: sequence(
      {
        terminalLabel: opt(TerminalLabel),
        certSelectionCriteria: opt(CertSelectionCriteria),
        sRandom: opt(integer(1, 4294967295)),
      },
      {},
    ),
    broadcastMyLogicalChannel: LogicalChannelNumber,
    makeTerminalBroadcaster: TerminalLabel,
    sendThisSource: TerminalLabel,
    requestAllTerminalIDs: nul,
    remoteMCRequest: choice({ masterActivate: nul, slaveActivate: nul, deActivate: nul }, {}),
  },
);

export const ConferenceResponse = choice(
  {
    mCTerminalIDResponse: sequence(labelled, {}),
    terminalIDResponse: sequence(labelled, {}),
    conferenceIDResponse: sequence({ terminalLabel: TerminalLabel, conferenceID: octetString(size(1, 32)) }, {}),
    passwordResponse: sequence({ terminalLabel: TerminalLabel, password: octetString(size(1, 32)) }, {}),
    terminalListResponse: sequenceOf(TerminalLabel, size(1, 256)),
    videoCommandReject: nul,
    terminalDropReject: nul,
    makeMeChairResponse: choice({ grantedChairToken: nul, deniedChairToken: nul }, {}),
  },
  {
    extensionAddressResponse: sequence({ extensionAddress: TerminalID }, {}),
    chairTokenOwnerResponse: sequence(labelled, {}),
    terminalCertificateResponse: sequence({ terminalLabel: opt(TerminalLabel), certificateResponse: opt(octetString(size(1, 65535))) }, {}),
    broadcastMyLogicalChannelResponse: choice({ grantedBroadcastMyLogicalChannel: nul, deniedBroadcastMyLogicalChannel: nul }, {}),
    makeTerminalBroadcasterResponse: choice({ grantedMakeTerminalBroadcaster: nul, deniedMakeTerminalBroadcaster: nul }, {}),
    sendThisSourceResponse: choice({ grantedSendThisSource: nul, deniedSendThisSource: nul }, {}),
    requestAllTerminalIDsResponse: sequence({ terminalInformation: sequenceOf(sequence(labelled, {})) }, {}),
    remoteMCResponse: choice({ accept: nul, reject: choice({ unspecified: nul, functionNotSupported: nul }, {}) }, {}),
  },
);

export const ConferenceCommand = choice(
  {
    broadcastMyLogicalChannel: LogicalChannelNumber,
    cancelBroadcastMyLogicalChannel: LogicalChannelNumber,
    makeTerminalBroadcaster: TerminalLabel,
    cancelMakeTerminalBroadcaster: nul,
    sendThisSource: TerminalLabel,
    cancelSendThisSource: nul,
    dropConference: nul,
  },
  { substituteConferenceIDCommand: sequence({ conferenceIdentifier: octetString(size(16)) }, {}) },
);

export const ConferenceIndication = choice(
  {
    sbeNumber: integer(0, 9),
    terminalNumberAssign: TerminalLabel,
    terminalJoinedConference: TerminalLabel,
    terminalLeftConference: TerminalLabel,
    seenByAtLeastOneOther: nul,
    cancelSeenByAtLeastOneOther: nul,
    seenByAll: nul,
    cancelSeenByAll: nul,
    terminalYouAreSeeing: TerminalLabel,
    requestForFloor: nul,
  },
  {
    withdrawChairToken: nul,
    floorRequested: TerminalLabel,
    terminalYouAreSeeingInSubPictureNumber: sequence(
      { terminalNumber: integer(0, 192), subPictureNumber: u8 },
      { mcuNumber: integer(0, 192) },
    ),
    videoIndicateCompose: sequence({ compositionNumber: u8 }, {}),
    masterMCU: nul,
    cancelMasterMCU: nul,
  },
);

const CommunicationModeTableEntry = sequence(
  {
    nonStandard: opt(sequenceOf(NonStandardParameter)),
    sessionID: integer(1, 255),
    associatedSessionID: opt(integer(1, 255)),
    terminalLabel: opt(TerminalLabel),
    sessionDescription: bmpString(size(1, 128)),
    dataType: choice({ videoData: VideoCapability, audioData: AudioCapability, data: DataApplicationCapability }, {}),
    mediaChannel: opt(TransportAddress),
    mediaGuaranteedDelivery: opt(boolean),
    mediaControlChannel: opt(TransportAddress),
    mediaControlGuaranteedDelivery: opt(boolean),
  },
  { redundancyEncoding: unmodelled, sessionDependency: opt(integer(1, 255)), destination: opt(TerminalLabel) },
);
const communicationModeTable = sequenceOf(CommunicationModeTableEntry, size(1, 256));
export const CommunicationModeCommand = sequence({ communicationModeTable }, {});
export const CommunicationModeRequest = sequence({}, {});
export const CommunicationModeResponse = choice({ communicationModeTable }, {});
