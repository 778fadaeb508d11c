export { type Address, ipOctets, ipText } from "./address.ts";
export { CallMachine } from "./call.ts";
export { aliasText, digitsOf } from "./call-messages.ts";
export * from "./call-types.ts";
export { causeOf, reasonOf } from "./causes.ts";
export {
  type AudioCodec,
  type AudioFormat,
  controlName,
  type LocalCapabilities,
  payloadTypeOf,
  type RemoteCapabilities,
  type UserInputWay,
} from "./codecs.ts";
export { ControlMachine } from "./control.ts";
export type { ControlConfig, ControlEvent, LocalMedia } from "./control-types.ts";
export * from "./gatekeeper.ts";
export * from "./h460.ts";
export * from "./h460-19.ts";
export * from "./ras-client.ts";
export { CLOCK_SKEW, type Credentials } from "./ras-security.ts";
export { DURATIONS, type Durations } from "./timers.ts";
