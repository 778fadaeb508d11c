/** Networks and addresses, as trunks name them. */
export { plainAddress } from "../base/ip-address.ts";
export { Networks } from "../security/networks.ts";
