/**
 * The gateway inside a program: all of Crosspoint as `npm start` runs it (`loadConfig`, `startCrosspoint`), or the gateway alone (`createGateway`) on
 * engines that the program has started or that run elsewhere.
 *
 * @module
 */
export type { GatewayControl, GatewayEvent, MeetingInput } from "../admin/ports.ts";
export type { Config } from "../app/config/config.ts";
export { type LoadOptions, type LoadResult, loadConfig, showMistake } from "../app/config/load.ts";
export type { Mistake } from "../app/config/source.ts";
export { promptsFolder } from "../app/engines.ts";
export { type Running, startCrosspoint } from "../app/start.ts";
export { StartError } from "../app/bind-errors.ts";
export { createGateway } from "../gateway/gateway.ts";
export type {
  EngineAddress,
  Gateway,
  GatewayConfig,
  GatewayMetrics,
  GatewayOptions,
  H323Listeners,
  MediaServerAddress,
  MeetingDefinition,
  ReloadReport,
} from "../gateway/options.ts";
export type { CallRecord, OutcomeCode, RecordStore } from "../records/model.ts";
export { SqliteRecordStore } from "../records/store.ts";
export type { Trunk, TrunkIdentity } from "../trunks/model.ts";
