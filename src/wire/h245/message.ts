import { choice, decode, encode, type Infer, nul, octetString, optional as opt, sequence } from "../per/index.ts";
import * as capability from "./capability.ts";
import * as channel from "./channel.ts";
import { NonStandardMessage, TransportAddress } from "./common.ts";
import * as conference from "./conference.ts";
import * as control from "./control.ts";
import { GenericMessage, unmodelled } from "./generic.ts";
import * as mode from "./mode.ts";

export const RequestMessage = choice(
  {
    nonStandard: NonStandardMessage,
    masterSlaveDetermination: control.MasterSlaveDetermination,
    terminalCapabilitySet: capability.TerminalCapabilitySet,
    openLogicalChannel: channel.OpenLogicalChannel,
    closeLogicalChannel: channel.CloseLogicalChannel,
    requestChannelClose: channel.RequestChannelClose,
    multiplexEntrySend: control.MultiplexEntrySend,
    requestMultiplexEntry: control.RequestMultiplexEntry,
    requestMode: mode.RequestMode,
    roundTripDelayRequest: control.RoundTripDelayRequest,
    maintenanceLoopRequest: control.MaintenanceLoopRequest,
  },
  {
    communicationModeRequest: conference.CommunicationModeRequest,
    conferenceRequest: conference.ConferenceRequest,
    multilinkRequest: unmodelled,
    logicalChannelRateRequest: control.LogicalChannelRateRequest,
    genericRequest: GenericMessage,
  },
);
export type RequestMessage = Infer<typeof RequestMessage>;

export const ResponseMessage = choice(
  {
    nonStandard: NonStandardMessage,
    masterSlaveDeterminationAck: control.MasterSlaveDeterminationAck,
    masterSlaveDeterminationReject: control.MasterSlaveDeterminationReject,
    terminalCapabilitySetAck: capability.TerminalCapabilitySetAck,
    terminalCapabilitySetReject: capability.TerminalCapabilitySetReject,
    openLogicalChannelAck: channel.OpenLogicalChannelAck,
    openLogicalChannelReject: channel.OpenLogicalChannelReject,
    closeLogicalChannelAck: channel.CloseLogicalChannelAck,
    requestChannelCloseAck: channel.RequestChannelCloseAck,
    requestChannelCloseReject: channel.RequestChannelCloseReject,
    multiplexEntrySendAck: control.MultiplexEntrySendAck,
    multiplexEntrySendReject: control.MultiplexEntrySendReject,
    requestMultiplexEntryAck: control.RequestMultiplexEntryAck,
    requestMultiplexEntryReject: control.RequestMultiplexEntryReject,
    requestModeAck: mode.RequestModeAck,
    requestModeReject: mode.RequestModeReject,
    roundTripDelayResponse: control.RoundTripDelayResponse,
    maintenanceLoopAck: control.MaintenanceLoopAck,
    maintenanceLoopReject: control.MaintenanceLoopReject,
  },
  {
    communicationModeResponse: conference.CommunicationModeResponse,
    conferenceResponse: conference.ConferenceResponse,
    multilinkResponse: unmodelled,
    logicalChannelRateAcknowledge: control.LogicalChannelRateRequest,
    logicalChannelRateReject: control.LogicalChannelRateReject,
    genericResponse: GenericMessage,
  },
);
export type ResponseMessage = Infer<typeof ResponseMessage>;

export const CommandMessage = choice(
  {
    nonStandard: NonStandardMessage,
    maintenanceLoopOffCommand: control.MaintenanceLoopOffCommand,
    sendTerminalCapabilitySet: capability.SendTerminalCapabilitySet,
    encryptionCommand: control.EncryptionCommand,
    flowControlCommand: control.FlowControlCommand,
    endSessionCommand: control.EndSessionCommand,
    miscellaneousCommand: control.MiscellaneousCommand,
  },
  {
    communicationModeCommand: conference.CommunicationModeCommand,
    conferenceCommand: conference.ConferenceCommand,
    h223MultiplexReconfiguration: unmodelled,
    newATMVCCommand: unmodelled,
    mobileMultilinkReconfigurationCommand: unmodelled,
    genericCommand: GenericMessage,
  },
);
export type CommandMessage = Infer<typeof CommandMessage>;

const FunctionNotUnderstood = choice({ request: RequestMessage, response: ResponseMessage, command: CommandMessage });

export const IndicationMessage = choice(
  {
    nonStandard: NonStandardMessage,
    functionNotUnderstood: FunctionNotUnderstood,
    masterSlaveDeterminationRelease: control.MasterSlaveDeterminationRelease,
    terminalCapabilitySetRelease: capability.TerminalCapabilitySetRelease,
    openLogicalChannelConfirm: channel.OpenLogicalChannelConfirm,
    requestChannelCloseRelease: channel.RequestChannelCloseRelease,
    multiplexEntrySendRelease: control.MultiplexEntrySendRelease,
    requestMultiplexEntryRelease: control.RequestMultiplexEntryRelease,
    requestModeRelease: mode.RequestModeRelease,
    miscellaneousIndication: control.MiscellaneousIndication,
    jitterIndication: control.JitterIndication,
    h223SkewIndication: control.H223SkewIndication,
    newATMVCIndication: control.NewATMVCIndication,
    userInput: control.UserInputIndication,
  },
  {
    h2250MaximumSkewIndication: control.H2250MaximumSkewIndication,
    mcLocationIndication: sequence({ signalAddress: TransportAddress }, {}),
    conferenceIndication: conference.ConferenceIndication,
    vendorIdentification: control.VendorIdentification,
    functionNotSupported: sequence(
      { cause: choice({ syntaxError: nul, semanticError: nul, unknownFunction: nul }, {}), returnedFunction: opt(octetString()) },
      {},
    ),
    multilinkIndication: unmodelled,
    logicalChannelRateRelease: control.LogicalChannelRateRelease,
    flowControlIndication: control.FlowControlCommand,
    mobileMultilinkReconfigurationIndication: unmodelled,
    genericIndication: GenericMessage,
  },
);
export type IndicationMessage = Infer<typeof IndicationMessage>;

/** The root of H.245: every message is one of these. */
export const MultimediaSystemControlMessage = choice(
  { request: RequestMessage, response: ResponseMessage, command: CommandMessage, indication: IndicationMessage },
  {},
);
export type ControlMessage = Infer<typeof MultimediaSystemControlMessage>;

/** `protocolIdentifier` of the version implemented: H.245 version 16. */
export const H245_VERSION = "0.0.8.245.0.16";

/** Decodes one control message. Throws PerError. */
export const decodeControl = (bytes: Uint8Array): ControlMessage => decode(MultimediaSystemControlMessage, bytes);
export const encodeControl = (message: ControlMessage): Uint8Array => encode(MultimediaSystemControlMessage, message);

/** Decodes an element of fast start: an OpenLogicalChannel by itself (H.323 8.1.7). */
export const decodeFastStart = (bytes: Uint8Array): channel.OpenLogicalChannel => decode(channel.OpenLogicalChannel, bytes);
export const encodeFastStart = (olc: channel.OpenLogicalChannel): Uint8Array => encode(channel.OpenLogicalChannel, olc);
