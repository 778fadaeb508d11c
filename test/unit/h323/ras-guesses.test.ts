import { expect, it } from "vitest";
import { Proofs } from "../../../src/h323/ras/proofs.ts";
import { encodeSigned } from "../../../src/h323/ras/security.ts";
import { CredentialGuesses } from "../../../src/trunks/credential-guesses.ts";
import { decodeRas, H225_VERSION } from "../../../src/wire/h225/index.ts";
import { EPOCH } from "../../support/ras-net.ts";

it("a gatekeeper compares no more passwords of a source that has guessed wrong five times, for a while", () => {
  const proofs = new Proofs({ password: () => "right", epoch: EPOCH, guesses: new CredentialGuesses() });
  const rasAddress = { ipAddress: { ip: Uint8Array.of(1, 2, 3, 4), port: 1 } };
  const endpointType = { mc: false, undefinedNode: false };
  let random = 0;
  const guess = (password: string, host: string, now: number) => {
    const request = { gatekeeperRequest: { requestSeqNum: 1, protocolIdentifier: H225_VERSION, rasAddress, endpointType } };
    const seconds = EPOCH + Math.floor(now / 1000);
    const bytes = encodeSigned(request, { user: "alice", password, method: "hmac" }, { generalId: "gk", seconds, random: ++random });
    return proofs.objection({ names: ["alice"], senders: ["alice"], message: decodeRas(bytes), bytes }, { host, port: 1719 }, now);
  };
  expect(guess("right", "192.0.2.2", 0)).toBeUndefined();
  for (let n = 0; n < 5; n++) expect(guess(`wrong${n}`, "192.0.2.1", 0)).toBe("wrong");
  expect(guess("right", "192.0.2.1", 0)).toBe("wrong");
  // who was right before is not locked out by others' guesses
  expect(guess("right", "192.0.2.2", 0)).toBeUndefined();
  expect(guess("right", "192.0.2.1", 5_000)).toBeUndefined();
});
