import { expect, test } from "vitest";
import { Authentication, type ChallengedRequest } from "../../../../src/legs/sip/digest-client.ts";

const request = {
  method: "REGISTER",
  uri: "sip:carrier.example",
  body: "",
  get: (name: string) => ({ CSeq: "4 REGISTER", "Call-ID": "one", From: "<sip:a@carrier.example>" })[name],
} as unknown as ChallengedRequest;

/** The count (`nc`) in the answer to a registration's challenge. */
function counted(authentication: Authentication, nonce: string): string | undefined {
  authentication.restart();
  const challenge = `Digest realm="carrier.example", nonce="${nonce}", algorithm=SHA-256, qop="auth"`;
  const answer = authentication.answer(request, { status: 401, get: () => challenge });
  return /nc=([0-9a-f]+)/.exec(answer?.["Authorization"] ?? "")?.[1];
}

test("uses of a nonce are counted over requests (RFC 7616 section 3.4), and of years of challenges only the latest remembered", () => {
  const authentication = new Authentication({ username: "a", password: "b" });
  expect([counted(authentication, "n0"), counted(authentication, "n0")]).toEqual(["00000001", "00000002"]);
  for (let i = 1; i <= 15; i++) counted(authentication, `n${i}`);
  expect(counted(authentication, "n0")).toBe("00000003");
  for (let i = 100; i < 120; i++) counted(authentication, `n${i}`);
  expect(counted(authentication, "n0")).toBe("00000001");
});
