import { describe, expect, it } from "vitest";
import type { PeerIdentity } from "../../../src/trunks/peer-identity.ts";
import { DigestGuard } from "../../../src/trunks/digest.ts";
import { Networks, plainAddress } from "../../../src/trunks/networks.ts";
import { type CallerEvidence, type Recognition, TrunkRecognition } from "../../../src/trunks/recognition.ts";
import { answerChallenges } from "../../../src/wire/sip/index.ts";
import { trunk } from "./fixtures.ts";

const peer = (changes: Partial<PeerIdentity> = {}): PeerIdentity => ({
  verified: true,
  subject: "CN=x",
  san: ["DNS:edge.example.com"],
  roots: ["aa"],
  ...changes,
});
const caller = (changes: Partial<CallerEvidence> = {}): CallerEvidence => ({
  transport: "tls",
  address: "192.0.2.1",
  peer: undefined,
  authorization: undefined,
  method: "INVITE",
  ...changes,
});
const outcome = (recognition: Recognition): string =>
  recognition.kind === "trunk"
    ? recognition.trunk.name
    : recognition.kind === "challenge"
      ? "challenge"
      : `${recognition.code}${recognition.known ? " told" : ""}`;

describe("networks", () => {
  it("hold IPv4, IPv6 and bare addresses", () => {
    const networks = new Networks(["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"]);
    for (const address of ["192.0.2.255", "198.51.100.7", "2001:db8:1::1", "[2001:DB8::9]", "::ffff:192.0.2.3"])
      expect(networks.contains(address), address).toBe(true);
    for (const address of ["192.0.3.0", "198.51.100.8", "2001:db9::1", "no address", ""])
      expect(networks.contains(address), address).toBe(false);
  });
  it.each(["192.0.2.0/33", "2001:db8::/129", "192.0.2/24", "a.example", "192.0.2.0/x", "192.0.2.0/"])("%s is none", (network) => {
    expect(() => new Networks([network])).toThrow(RangeError);
  });
  it("compare addresses plainly", () => {
    expect(plainAddress("[FE80::1%eth0]")).toBe("fe80::1");
  });
});

describe("digest", () => {
  const secrets = { username: "pbx", password: "s3cret" };
  const guard = () => new DigestGuard(Buffer.alloc(32));
  function answer(
    challenge: string,
    changes: { username?: string; password?: string; nc?: number; method?: string; body?: string } = {},
  ): string {
    const { nc = 1, method = "INVITE", body, ...credentials } = changes;
    const [value] = answerChallenges([challenge], { ...secrets, ...credentials }, { method, uri: "sip:2000@gw", body }, { nc });
    return value!;
  }
  const withDigest = (extra = {}) => [trunk("pbx", { identity: { digest: secrets, ...extra } })];

  it("takes an answer that covers the body, if the body is the one that came", () => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
    const challenge = recognition.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    const covering = challenge.challenges[0]!.replace("auth,auth-int", "auth-int");
    const authorization = answer(covering, { body: "v=0\r\n" });
    expect(outcome(recognition.recognise(caller({ authorization, body: "v=1\r\n" }), 10))).not.toBe("pbx");
    expect(outcome(recognition.recognise(caller({ authorization, body: "v=0\r\n" }), 10))).toBe("pbx");
  });

  it("challenges with SHA-256 before MD5 and takes the answer to either, once", () => {
    for (const which of [0, 1]) {
      const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
      const challenge = recognition.recognise(caller(), 0);
      if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
      expect(challenge.challenges.map((text) => /algorithm=([^,]+)/.exec(text)?.[1])).toEqual(["SHA-256", "MD5"]);
      const authorization = answer(challenge.challenges[which]!);
      expect(outcome(recognition.recognise(caller({ authorization }), 10))).toBe("pbx");
      expect(outcome(recognition.recognise(caller({ authorization }), 20))).toBe("challenge");
      expect(outcome(recognition.recognise(caller({ authorization: answer(challenge.challenges[which]!, { nc: 2 }) }), 30))).toBe("pbx");
    }
  });

  it("challenges with the trunk's own algorithms in its order, and takes no answer by another (RFC 8760)", () => {
    const [of] = withDigest();
    const algorithmsOf = (recognition: ReturnType<TrunkRecognition["recognise"]>) =>
      recognition.kind === "challenge" ? recognition.challenges.map((text) => /algorithm=([^,]+)/.exec(text)?.[1]) : outcome(recognition);
    const only = (...algorithms: ("MD5" | "SHA-256")[]) =>
      new TrunkRecognition(
        { trunks: [{ ...of!, identity: { ...of!.identity, digest: { ...of!.identity.digest!, algorithms } } }], defaultTrunk: null },
        guard(),
      );
    expect(algorithmsOf(only("MD5", "SHA-256").recognise(caller(), 0))).toEqual(["MD5", "SHA-256"]);
    const strong = only("SHA-256");
    const challenge = strong.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    expect(algorithmsOf(challenge)).toEqual(["SHA-256"]);
    const weak = answer(challenge.challenges[0]!.replace("SHA-256", "MD5"));
    expect(outcome(strong.recognise(caller({ authorization: weak }), 10))).toBe("trunk-credentials");
    expect(outcome(strong.recognise(caller({ authorization: answer(challenge.challenges[0]!) }), 20))).toBe("pbx");
  });

  it("says stale when only the nonce is too old, and refuses a wrong password or method", () => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
    const challenge = recognition.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    const late = recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!) }), 61_000);
    expect(late).toMatchObject({
      kind: "challenge",
      challenges: [expect.stringContaining("stale=true"), expect.stringContaining("stale=true")],
    });
    expect(outcome(recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!, { password: "x" }) }), 1))).toBe(
      "trunk-credentials",
    );
    expect(outcome(recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!, { method: "BYE" }) }), 1))).toBe(
      "trunk-credentials",
    );
  });

  it("tells nobody which users there are: an unknown one is answered as a wrong password", () => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: trunk("anybody", {}) }, guard());
    const challenge = recognition.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    const late = (username: string, password: string, now: number) =>
      recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!, { username, password }) }), now).kind;
    for (const now of [10, 61_000]) expect([late("pbx", "guess", now), late("nobody", "guess", now)]).toEqual(["refused", "refused"]);
    const codes = ["pbx", "nobody"].map((username) =>
      outcome(recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!, { username, password: "guess" }) }), 20)),
    );
    expect(codes).toEqual(["trunk-credentials", "trunk-credentials"]);
  });

  it("compares few of many guesses, and none that is right among the others; who was right from there before is let in", () => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
    const from = (address: string, password: string, nc: number, now: number) => {
      const challenge = recognition.recognise(caller({ address }), now);
      if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
      return outcome(recognition.recognise(caller({ address, authorization: answer(challenge.challenges[0]!, { password, nc }) }), now));
    };
    expect(from("198.51.100.9", "s3cret", 1, 1)).toBe("pbx");
    for (let i = 0; i < 200; i++) expect(from("203.0.113.66", `guess${i}`, 2, 2)).toBe("trunk-credentials");
    expect(from("203.0.113.66", "s3cret", 3, 3)).toBe("trunk-credentials");
    expect(from("203.0.113.67", "s3cret", 3, 3)).toBe("trunk-credentials");
    expect(from("198.51.100.9", "s3cret", 4, 4)).toBe("pbx");
    expect(from("203.0.113.66", "s3cret", 5, 30_000)).toBe("pbx");
  });

  it.each([
    ["sip:2000@gw", "pbx"],
    ["sip:2000@GW:5060;transport=udp", "pbx"],
    ["sip:%32000@gw", "pbx"],
    ["sip:9999@gw", "trunk-credentials"],
    ["sip:2000@other", "trunk-credentials"],
    ["sip:2000@gw:5070", "trunk-credentials"],
    ["sips:2000@gw", "trunk-credentials"],
    ["tel:2000", "trunk-credentials"],
  ])("an answer for sip:2000@gw to a request for %s is %s's", (uri, whose) => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
    const challenge = recognition.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    expect(outcome(recognition.recognise(caller({ authorization: answer(challenge.challenges[0]!), uri }), 1))).toBe(whose);
  });

  it.each([
    ["nc=00000001", "nc=1"],
    ["nc=00000001", "nc=0000000g"],
    [/cnonce="[^"]+"/, 'cnonce=""'],
  ])("an answer with %s written %s is refused", (was, is) => {
    const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
    const challenge = recognition.recognise(caller(), 0);
    if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
    const changed = answer(challenge.challenges[0]!).replace(was, is);
    expect(changed).toContain(is);
    expect(outcome(recognition.recognise(caller({ authorization: changed }), 1))).toBe("trunk-credentials");
  });

  it.each(["alice", "nobody"])(
    "compares nothing of an answer by %s to a challenge of nobody's or of another source's, and holds it against nobody",
    (username) => {
      const recognition = new TrunkRecognition({ trunks: withDigest(), defaultTrunk: null }, guard());
      const made = 'Digest realm="crosspoint", nonce="0.AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA", algorithm=MD5';
      const challenge = recognition.recognise(caller({ address: "203.0.113.66" }), 0);
      if (challenge.kind !== "challenge") throw new Error(outcome(challenge));
      for (const asked of [made, challenge.challenges[0]!])
        for (let i = 0; i < 50; i++) {
          const answered = recognition.recognise(caller({ authorization: answer(asked, { username, nc: i + 1 }) }), 1);
          expect(answered).toMatchObject({
            kind: "challenge",
            challenges: expect.arrayContaining([expect.stringContaining("stale=true")]),
          });
        }
      const own = recognition.recognise(caller(), 2);
      if (own.kind !== "challenge") throw new Error(outcome(own));
      expect(outcome(recognition.recognise(caller({ authorization: answer(own.challenges[0]!) }), 3))).toBe("pbx");
    },
  );

  it("asks only those who are everything else the trunk demands", () => {
    const recognition = new TrunkRecognition({ trunks: withDigest({ networks: ["192.0.2.0/24"] }), defaultTrunk: null }, guard());
    expect(outcome(recognition.recognise(caller(), 0))).toBe("challenge");
    expect(outcome(recognition.recognise(caller({ address: "203.0.113.1" }), 0))).toBe("trunk-unknown");
    // the operator reads what was compared
    expect(recognition.recognise(caller({ address: "203.0.113.1" }), 0)).toMatchObject({
      reason: expect.stringMatching(/^203\.0\.113\.1 over \w+ belongs to no trunk: \S+ calls (from|over|with) /),
    });
  });
});

describe("recognition", () => {
  const byName = trunk("named", { identity: { certificateNames: ["edge.example.com"] } });
  const byNetwork = trunk("network", { identity: { networks: ["192.0.2.0/24"] } });
  const byBoth = trunk("both", { identity: { networks: ["192.0.2.0/24"], certificateNames: ["*.example.com"] } });
  const open = trunk("default", { trust: "unverified" });

  it("takes the trunk that demands most of those that match", () => {
    const recognition = new TrunkRecognition({ trunks: [byNetwork, byName, byBoth], defaultTrunk: null });
    expect(outcome(recognition.recognise(caller({ peer: peer() }), 0))).toBe("both");
    expect(outcome(recognition.recognise(caller({ peer: peer(), address: "203.0.113.1" }), 0))).toBe("named");
    expect(outcome(recognition.recognise(caller(), 0))).toBe("network");
  });

  it("demands everything that is given", () => {
    const recognition = new TrunkRecognition({ trunks: [byBoth], defaultTrunk: null });
    expect(outcome(recognition.recognise(caller(), 0))).toBe("certificate-absent told");
    expect(outcome(recognition.recognise(caller({ peer: peer({ san: ["DNS:other.example"] }) }), 0))).toBe("certificate-name told");
    expect(outcome(recognition.recognise(caller({ peer: peer(), address: "203.0.113.1" }), 0))).toBe("certificate-name told");
    expect(outcome(recognition.recognise(caller({ address: "203.0.113.1" }), 0))).toBe("trunk-unknown");
  });

  it("believes no certificate that was not verified, nor one of another root", () => {
    const recognition = new TrunkRecognition({
      trunks: [{ ...byName, identity: { ...byName.identity, ca: "ca.pem" } }],
      defaultTrunk: null,
      roots: new Map([["ca.pem", ["bb"]]]),
    });
    const unverified = peer({ verified: false, roots: [] });
    expect(outcome(recognition.recognise(caller({ peer: unverified }), 0))).toBe("certificate-unknown-ca");
    expect(outcome(recognition.recognise(caller({ peer: peer({ roots: ["aa"] }) }), 0))).toBe("certificate-unknown-ca told");
    expect(outcome(recognition.recognise(caller({ peer: peer({ roots: ["aa", "bb"] }) }), 0))).toBe("named");
  });

  it("does not let one trunk's CA vouch for a trunk that names none", () => {
    const own = { ...byName, name: "own", identity: { certificateNames: ["own.example.com"], ca: "ca.pem" } };
    const setup = { trunks: [byName, own], defaultTrunk: null, roots: new Map([["ca.pem", ["bb"]]]), commonRoots: ["aa"] };
    const recognition = new TrunkRecognition(setup);
    expect(outcome(recognition.recognise(caller({ peer: peer({ roots: ["bb"] }) }), 0))).toBe("certificate-unknown-ca told");
    expect(outcome(recognition.recognise(caller({ peer: peer({ roots: ["aa"] }) }), 0))).toBe("named");
    const ownPeer = peer({ san: ["DNS:own.example.com"] });
    expect(outcome(recognition.recognise(caller({ peer: { ...ownPeer, roots: ["aa"] } }), 0))).toBe("certificate-unknown-ca told");
    expect(outcome(recognition.recognise(caller({ peer: { ...ownPeer, roots: ["bb"] } }), 0))).toBe("own");
  });

  it("takes a server's certificate where the trunk allows that, and says so", () => {
    const fault = { code: "certificate-purpose", words: "is for servers only" };
    const shown = peer({ verified: false, roots: [], serverRoots: ["aa"], fault });
    const setup = (trunks: (typeof byName)[]) => new TrunkRecognition({ trunks, defaultTrunk: null, commonRoots: ["aa"] });
    expect(outcome(setup([byName]).recognise(caller({ peer: shown }), 0))).toBe("certificate-purpose told");
    const allowed = { ...byName, identity: { ...byName.identity, certificatePurpose: "server-allowed" as const } };
    expect(setup([allowed]).recognise(caller({ peer: shown }), 0)).toMatchObject({
      kind: "trunk",
      trunk: { name: "named" },
      note: expect.stringContaining("servers only"),
    });
    expect(setup([allowed]).recognise(caller({ peer: peer() }), 0)).toMatchObject({ kind: "trunk", note: undefined });
    expect(outcome(setup([allowed]).recognise(caller({ peer: { ...shown, serverRoots: ["bb"] } }), 0))).toBe("certificate-unknown-ca");
    expect(outcome(setup([allowed]).recognise(caller({ peer: { ...shown, serverRoots: [] } }), 0))).toBe("certificate-purpose told");
  });

  it("gives an expired, a foreign, an absent and a wrongly named certificate a sentence and a code each", () => {
    const recognition = new TrunkRecognition({ trunks: [byName], defaultTrunk: null, commonRoots: ["aa"] });
    const unverified = (code: string, words: string) => peer({ verified: false, roots: [], fault: { code, words } });
    const refused = [
      caller({ peer: unverified("certificate-expired", "it expired") }),
      caller({ peer: unverified("certificate-unknown-ca", "nobody knows its CA") }),
      caller(),
      caller({ peer: peer({ san: ["DNS:other.example"] }) }),
    ].map((evidence) => recognition.recognise(evidence, 0));
    expect(refused.map(outcome)).toEqual([
      "certificate-expired told",
      "certificate-unknown-ca",
      "certificate-absent",
      "certificate-name told",
    ]);
    expect(new Set(refused.map((one) => (one.kind === "refused" ? one.reason : ""))).size).toBe(4);
    // where nothing of TLS is spoken, nobody is asked for a certificate
    expect(outcome(recognition.recognise(caller({ transport: "udp" }), 0))).toBe("trunk-unknown");
  });

  it("keeps a trunk to its transports", () => {
    const recognition = new TrunkRecognition({ trunks: [{ ...byNetwork, transports: ["tls"] }], defaultTrunk: null });
    expect(outcome(recognition.recognise(caller({ transport: "udp" }), 0))).toBe("trunk-unknown told");
    expect(outcome(recognition.recognise(caller({ transport: "tls" }), 0))).toBe("network");
  });

  it("gives strangers to the default trunk where there is one, but nobody who fails a trunk of their own", () => {
    const recognition = new TrunkRecognition({ trunks: [byBoth, byName], defaultTrunk: open });
    expect(outcome(recognition.recognise(caller({ address: "203.0.113.1", transport: "udp" }), 0))).toBe("default");
    expect(outcome(recognition.recognise(caller({ address: "203.0.113.1", peer: peer() }), 0))).toBe("named");
    expect(outcome(recognition.recognise(caller(), 0))).toBe("certificate-absent told");
  });

  it("never recognises anybody by a trunk without identity", () => {
    const recognition = new TrunkRecognition({ trunks: [trunk("out", { target: "sip:x" })], defaultTrunk: null });
    expect(outcome(recognition.recognise(caller({ peer: peer() }), 0))).toBe("certificate-name told");
  });

  it("replaces its trunks, or keeps the old ones when the new are wrong", () => {
    const recognition = new TrunkRecognition({ trunks: [byNetwork], defaultTrunk: null });
    expect(() => recognition.replace({ trunks: [trunk("bad", { identity: { networks: ["x"] } })], defaultTrunk: null })).toThrow(
      RangeError,
    );
    expect(outcome(recognition.recognise(caller(), 0))).toBe("network");
    recognition.replace({ trunks: [], defaultTrunk: null });
    expect(outcome(recognition.recognise(caller(), 0))).toBe("trunk-unknown");
  });
});
