export { callProof, isProven, PROOF_HEADER } from "./call-proof.ts";
export { EslCommandReader, type EslCommand } from "./command.ts";
export { decodeValue, encodeValue } from "./encoding.ts";
export { EslEvent, type EslFormat } from "./event.ts";
export {
  EslMessageReader,
  apiResponse,
  authRequest,
  commandReply,
  disconnectNotice,
  eventFrame,
  type EslMessage,
} from "./message.ts";
export { eventNameOf } from "./names.ts";
