export type { AudioCapability } from "./audio.ts";
export type { Capability, TerminalCapabilitySet } from "./capability.ts";
export type {
  DataType,
  H2250LogicalChannelParameters,
  OpenLogicalChannel,
  OpenLogicalChannelAck,
  OpenLogicalChannelReject,
} from "./channel.ts";
export { TransportAddress } from "./common.ts";
export type { GenericCapability, GenericMessage, GenericParameter } from "./generic.ts";
export * from "./message.ts";
export type { VideoCapability } from "./video.ts";
