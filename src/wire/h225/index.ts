export { AliasAddress, TransportAddress } from "./common.ts";
export type { CryptoH323Token, EndpointType } from "./endpoint.ts";
export type { FeatureSet, GenericData } from "./generic.ts";
export * as h235 from "./h235.ts";
export * from "./q931.ts";
export { decodeRas, encodeRas, type RasMessage } from "./ras.ts";
export type { AdmissionRejectReason } from "./ras-admission.ts";
export type { RegistrationRejectReason } from "./ras-registration.ts";
export * from "./signalling.ts";
export { TpktReader, tpkt } from "./tpkt.ts";
export {
  decodeUserInformation,
  encodeUserInformation,
  H225_VERSION,
  type H323UserInformation,
  type H323UuPdu,
  type MessageBody,
  type ReleaseCompleteReason,
  type SetupUUIE,
} from "./uuie.ts";
