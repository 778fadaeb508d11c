import { describe, expect, it } from "vitest";
import { rehearse } from "../../../src/media-client/warm-up.ts";
import type { MediaSession } from "../../../src/call-media/media-server.ts";

/** A media server that counts what is open. */
function mediaServer(fails: () => boolean = () => false) {
  const seen = { opened: 0, open: 0, most: 0 };
  const open = async (offer: string): Promise<MediaSession> => {
    expect(offer).toContain("m=audio");
    if (fails()) throw new Error("no ports");
    seen.opened++;
    seen.most = Math.max(seen.most, ++seen.open);
    const session: Pick<MediaSession, "close"> = {
      close: async () => {
        seen.open--;
      },
    };
    return session as MediaSession;
  };
  return { open, seen };
}

describe("the rehearsal after the start", () => {
  it("opens sessions one after the other and closes each", async () => {
    const { open, seen } = mediaServer();
    const { sessions } = await rehearse({ open }, () => true);
    expect(sessions).toBeGreaterThan(10);
    expect(seen).toEqual({ opened: sessions, open: 0, most: 1 });
  });
  it("ends when a call comes", async () => {
    const { open, seen } = mediaServer();
    expect(await rehearse({ open }, () => seen.opened < 3)).toMatchObject({ sessions: 3 });
    expect(seen.open).toBe(0);
  });
  it("says when no session can be had, but not while the gateway is being stopped", async () => {
    const { open } = mediaServer(() => true);
    await expect(rehearse({ open }, () => true)).rejects.toThrow("no ports");
    let wanted = true;
    const stopping = mediaServer(() => !(wanted = false));
    expect(await rehearse(stopping, () => wanted)).toMatchObject({ sessions: 0 });
  });
});
