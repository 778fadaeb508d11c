import type { Picture, Pictures } from "../call-media/video-streams.ts";
import type { SeatLine, VideoRelay, VideoSource } from "../video/port.ts";

/** A participant's pictures in a meeting at the relay. */
export interface PictureSeat {
  leave(): void;
}

/** Seats a call's pictures in its meeting, and again whenever its lines change. For adapters whose pictures are relayed here. */
export function seatPictures(relay: VideoRelay, meetingId: string, participantId: string, pictures: Pictures): PictureSeat {
  const seat = relay.join(meetingId, participantId);
  const arrange = () => seat.arrange(seatLines(pictures.all));
  pictures.on("changed", arrange);
  arrange();
  return {
    leave: () => {
      pictures.off("changed", arrange);
      seat.leave();
    },
  };
}

/** What each line brings and shows: a screen of its own for the screen where there is a line for it, in the main picture where there is none. */
export function seatLines(pictures: readonly Picture[]): SeatLine[] {
  const hasScreen = pictures.some(({ role, line, takes }) => role === "screen" && line && takes);
  let further = 0;
  return pictures.flatMap(({ role, line, sends, takes }): SeatLine[] => {
    if (!line) return [];
    const brings = sends && role !== "further" ? role : null;
    return [{ line, brings, shows: takes ? source(role) : null }];
  });

  function source(role: Picture["role"]): VideoSource {
    if (role === "screen") return { kind: "content" };
    if (role === "further") return { kind: "speaker", rank: ++further };
    return hasScreen ? { kind: "speaker", rank: 0 } : { kind: "content-or-speaker" };
  }
}
