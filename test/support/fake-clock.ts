import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Environment of a process whose time of day is what {@link setOffset} says; its monotonic clock is left alone, as when a real clock is set. */
export function clockEnvironment(file: string): Record<string, string> {
  const library = readdirSync("/usr/lib")
    .map((folder) => join("/usr/lib", folder, "faketime"))
    .flatMap((folder) => {
      try {
        return readdirSync(folder).map((name) => join(folder, name));
      } catch {
        return [];
      }
    })
    .find((path) => path.endsWith("libfaketimeMT.so.1"));
  if (library === undefined) throw new Error("no libfaketimeMT.so.1");
  setOffset(file, 0);
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_FORCE_MONOTONIC_FIX: "0",
  };
}

/** Sets the clock so many seconds from the real one. */
export function setOffset(file: string, seconds: number): void {
  writeFileSync(file, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}s\n`);
}
