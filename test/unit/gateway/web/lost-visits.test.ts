import { expect, it } from "vitest";
import { LostVisits } from "../../../../src/gateway/web/lost-visits.ts";
import type { OutcomeCode } from "../../../../src/records/model.ts";

const MINUTE = 60_000;
const claim = { visit: "v", secret: "s" };
const end = (visits: LostVisits, outcome: OutcomeCode, joined = true, id = "v"): void =>
  visits.ended({
    visit: { id, secret: "s", joined },
    call: { meetingId: "2000", trust: "unverified" },
    outcome,
    isHost: true,
    back: id === "v" ? undefined : visits.find(claim, 0),
    now: 0,
  });

it("lets a browser back into its meeting and role that was lost in it, for a quarter of an hour, for its secret", () => {
  const visits = new LostVisits();
  end(visits, "signalling-lost");
  expect(visits.find(claim, 14 * MINUTE)).toMatchObject({ meetingId: "2000", role: "host", trust: "unverified" });
  expect(visits.find({ ...claim, secret: "t" }, 0)).toBeUndefined();
  expect(visits.find(undefined, 0)).toBeUndefined();
  expect(visits.find(claim, 15 * MINUTE)).toBeUndefined();
});

it.each(["removed", "completed", "meeting-ended", "cancelled"] as const)("keeps nothing of a visit that ended as %s", (outcome) => {
  const visits = new LostVisits();
  end(visits, outcome);
  expect(visits.find(claim, 0)).toBeUndefined();
});

it("keeps nothing of who was not in yet", () => {
  const visits = new LostVisits();
  end(visits, "media-timeout", false);
  expect(visits.find(claim, 0)).toBeUndefined();
});

it("lets nobody back who was removed after coming back", () => {
  const visits = new LostVisits();
  end(visits, "media-timeout");
  end(visits, "removed", true, "w");
  expect(visits.find(claim, 0)).toBeUndefined();
});

it("lets a browser back again that was lost on its way back", () => {
  const visits = new LostVisits();
  end(visits, "media-timeout");
  end(visits, "signalling-lost", false, "w");
  expect(visits.find(claim, 0)).toBeDefined();
});
