/**
 * The embedded media server: the part of FreeSWITCH's event socket and SIP profile that drachtio-fsmrf uses. It plays, records, collects digits and
 * mixes conferences, in threads of its own.
 *
 * @module
 */
export { type MediaServer, startMediaServer } from "../media-server/index.ts";
export type { LogRecord, MediaServerOptions } from "../media-server/options.ts";
export type { ServerStats } from "../media-server/control/server.ts";
