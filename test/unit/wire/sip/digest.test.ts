import { describe, expect, test } from "vitest";
import { answerChallenges, digestAlgorithm, digestResponse, formatChallenges, isStale, parseAuth } from "../../../../src/wire/sip/index.ts";

const common = {
  username: "Mufasa",
  realm: "http-auth@example.org",
  password: "Circle of Life",
  nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
  method: "GET",
  uri: "/dir/index.html",
  cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
  nc: "00000001",
  qop: "auth" as const,
};

describe("the response", () => {
  test.each([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ] as const)("RFC 7616 section 3.9.1, %s", (algorithm, response) => {
    expect(digestResponse({ ...common, algorithm })).toBe(response);
  });
  test("RFC 2617 section 3.5", () => {
    const old = {
      realm: "testrealm@host.com",
      password: "Circle Of Life",
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
      cnonce: "0a4f113b",
    };
    expect(digestResponse({ ...common, ...old, algorithm: "MD5" })).toBe("6629fae49393a05397450978507c4ef1");
  });
  // computed with Python's hashlib by the formulas of RFC 7616 section 3.4.3
  test("auth-int covers the body, and an empty one", () => {
    const input = { ...common, algorithm: "MD5", qop: "auth-int" } as const;
    expect(digestResponse({ ...input, body: "v=0\r\n" })).toBe(AUTH_INT);
    expect(digestResponse({ ...input, body: Buffer.from("v=0\r\n") })).toBe(AUTH_INT);
    expect(digestResponse(input)).toBe(AUTH_INT_EMPTY);
    expect(digestResponse({ ...input, algorithm: "SHA-256", body: "v=0\r\n" })).toBe(AUTH_INT_SHA256);
  });
});
const AUTH_INT = "d1b8e2ac3f6782372de4bf3d8735b406";
const AUTH_INT_EMPTY = "8804a53d3640a40a4f73cea12c5ba451";
const AUTH_INT_SHA256 = "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563";

describe("answers to challenges", () => {
  const me = { username: "alice", password: 'se"cret' };
  const request = { method: "INVITE", uri: "sip:bob@example.com", body: "v=0\r\n" };
  const answer = (...challenges: string[]) => answerChallenges(challenges, me, request, { cnonce: "c" });
  const field = (value: string) => Object.fromEntries(parseAuth(value)!.params);

  test("take the strongest algorithm of each realm", () => {
    const [one, two, ...more] = answer(
      ...formatChallenges("a", "n1", { algorithms: ["MD5", "SHA-256"] }),
      'Digest realm="b", nonce="n2", algorithm=SHA-512-256-sess, qop="auth"',
      'Digest realm="b", nonce="n3", algorithm=AKAv1-MD5, qop="auth"',
      "Basic realm=b",
    );
    expect(more).toEqual([]);
    expect(field(one!)).toMatchObject({ realm: "a", nonce: "n1", algorithm: "SHA-256", qop: "auth", nc: "00000001", cnonce: "c" });
    expect(field(two!)).toMatchObject({ realm: "b", nonce: "n2", algorithm: "SHA-512-256-sess" });
  });
  test("cover the body where only that is asked for, and nothing where an unknown quality is", () => {
    const [only] = answer('Digest realm="a", nonce="n", qop="auth-int", opaque="o"');
    expect(field(only!)).toMatchObject({ qop: "auth-int", opaque: "o", algorithm: "MD5" });
    expect(field(only!)["response"]).toBe(
      digestResponse({ ...me, ...request, algorithm: "MD5", realm: "a", nonce: "n", cnonce: "c", nc: "00000001", qop: "auth-int" }),
    );
    expect(answer('Digest realm="a", nonce="n", qop="auth-all"')).toEqual([]);
  });
  test("do without qop and algorithm where an old server names none", () => {
    const [old] = answer('digest realm="old", nonce="abc"');
    expect(old).not.toContain("qop");
    expect(old).not.toContain("cnonce");
    expect(answer("NoOneKnowsThisScheme x=1", 'Digest realm="r"')).toEqual([]);
  });
});

test("a stale nonce is told from a wrong password", () => {
  expect(isStale(formatChallenges("r", "n", { stale: true }))).toBe(true);
  expect(isStale(formatChallenges("r", "n"))).toBe(false);
  expect(digestAlgorithm(parseAuth("Digest algorithm=md5")!)).toEqual({ algorithm: "MD5", session: false });
});
