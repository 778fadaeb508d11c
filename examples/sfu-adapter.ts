/**
 * An SFU adapter of one's own: `sfu: ./examples/sfu-adapter.ts`. Audio comes together in a conference of the media server, pictures at the video relay.
 * An adapter for another SFU opens sessions towards it (`context.media`) in place of the conference, and is held to the same contract (`Sfu`).
 */
import type { CreateSfu, SfuParticipant } from "crosspoint/sfu";

export const createSfu: CreateSfu = (context) => {
  const conference = (meetingId: string) => `example-${meetingId}`;
  return {
    async join(meetingId: string, { id, displayName, media, muted, pictures }: SfuParticipant) {
      const member = await media.joinConference(conference(meetingId), muted);
      const seated = pictures && context.seatPictures(meetingId, id, pictures);
      member.onVacated(() => seated?.leave());
      // an active-speaker view follows the conference's floor
      member.on("floor", () => context.video?.speaker(meetingId, id));
      context.log("info", "example-sfu-joined", { meetingId, displayName });
      return member;
    },
    async announce(meetingId: string, files: readonly string[]) {
      for (const file of files) await context.media.api(`conference ${conference(meetingId)} play ${file}`);
    },
    present(meetingId: string, participantId: string | null) {
      context.video?.presenter(meetingId, participantId);
    },
  };
};
