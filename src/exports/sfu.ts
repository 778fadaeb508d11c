/**
 * Types of an SFU adapter: where the media of a meeting come together. A module that exports `createSfu` is named in the configuration, `sfu: ./module.js`.
 *
 * @module
 */
export type {
  ConferenceMember,
  ConferenceMemberEvents,
  MediaPort,
  MediaPortEvents,
  MediaSession,
  MediaSessionEvents,
  MediaStats,
} from "../call-media/media-server.ts";
export type { Picture, Pictures } from "../call-media/video-streams.ts";
export type { ConferenceApi, CreateSfu, Seat, SeatEvents, Sfu, SfuContext, SfuParticipant } from "../sfu/port.ts";
export type { VideoRelay } from "../video/port.ts";
