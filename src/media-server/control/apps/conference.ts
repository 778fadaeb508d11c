import type { Conferences } from "../conference/conferences.ts";
import { parseJoin } from "../conference/join-args.ts";
import type { Application } from "./types.ts";

/** `conference name@profile+pin+flags{…}`: runs as long as the channel is in. */
export function conferenceApplication(conferences: Conferences): Application {
  return {
    long: true,
    async run({ channel, arg, onBreak }) {
      const request = parseJoin(arg);
      if (!request) return "-ERR bad conference name";
      const left = Promise.withResolvers<void>();
      const joined = conferences.join(channel, request, left.resolve);
      if (typeof joined === "string") {
        channel.core.log("info", "not let into a conference", { uuid: channel.uuid, conference: request.name, reason: joined });
        if (joined === "not-there") {
          const event = channel.core.event("CUSTOM", "conference", "conference::maintenance");
          channel.describe(event);
          event.set("Conference-Name", request.name).set("Action", "rejected-join-only");
          channel.core.fire(event);
        }
        return `-ERR ${joined}`;
      }
      const { conference, member } = joined;
      const leave = () => left.resolve();
      // A digit is the conference's: told to everybody, played to everybody where the member asked for that.
      const unlisten = channel.digits.listen((digit) => {
        conference.fire("dtmf", member, { "DTMF-Key": digit, Data: digit });
        if (member.flags.has("dist-dtmf"))
          for (const other of conference.members.values()) if (other !== member) other.channel.leg.sendDtmf(digit, 250);
        return true;
      });
      const forget = channel.onHangup(leave);
      onBreak(leave);
      await left.promise;
      conference.remove(member);
      unlisten();
      forget();
      return undefined;
    },
  };
}
