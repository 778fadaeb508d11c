import { expect, test } from "vitest";
import { ParseError } from "../../../../src/base/errors.ts";
import {
  checkMessage,
  parseMessage,
  StreamFramer,
  tryParseNameAddr,
  tryParseUri,
  tryParseVia,
  uriOf,
} from "../../../../src/wire/sip/index.ts";
import { FUZZ_TIMEOUT, MUTATIONS, mutate, random } from "../../../support/mutate.ts";
import { torture } from "./rfc4475.ts";

const seeds = Object.values(torture).map((text) => Buffer.from(text, "latin1"));

test("10,000 damaged messages are read or refused, never anything else, and what is read can be written", { timeout: FUZZ_TIMEOUT }, () => {
  const next = random(4475);
  let readable = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const data = mutate(seeds[i % seeds.length]!, next);
    try {
      const message = parseMessage(data);
      readable++;
      checkMessage(message);
      for (const h of message.headers) {
        tryParseVia(h.value);
        const address = tryParseNameAddr(h.value);
        if (address !== undefined) uriOf(address);
        tryParseUri(h.value);
      }
      const again = parseMessage(message.toBuffer());
      expect(again.kind).toBe(message.kind);
      expect(again.body.equals(message.body)).toBe(true);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
    }
  }
  expect(readable).toBeGreaterThan(MUTATIONS * 0.3);
});

test("10,000 damaged pieces of a stream are framed or refused", { timeout: FUZZ_TIMEOUT }, () => {
  const next = random(5626);
  let framer = new StreamFramer();
  let frames = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    try {
      frames += framer.push(mutate(seeds[i % seeds.length]!, next)).length;
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      framer = new StreamFramer();
    }
  }
  expect(frames).toBeGreaterThan(MUTATIONS * 0.1);
});
