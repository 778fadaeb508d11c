export { addCounts, noCounts, type RelayFigures, takeCounts, type VideoCounts } from "./counts.ts";
export { type PlacedLine, type Shown, TICK_MS, VideoEngine } from "./engine.ts";
export type { VideoLine } from "./line/line.ts";
export { type LineOutput, OutBuffer } from "./send/output.ts";
export * from "./port.ts";
export { DEFAULT_SPEAKER_TIMING, type SpeakerTiming } from "./meeting/speakers.ts";
