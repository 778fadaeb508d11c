import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/** Playback-File-Type of a source. */
export function fileType(file: string): string {
  const scheme = /^([a-z_]+):\/\//i.exec(file)?.[1]?.toLowerCase();
  return scheme ?? "file";
}

/** Finds what a client names: schemes stay, relative files are looked for under the sounds folder, music under its own. */
export class Sounds {
  readonly #sounds: string;
  readonly #music: string;
  readonly #playable: (path: string) => boolean;

  /** `playable`: which files may be played; all where absent. */
  constructor(sounds: string, music: string, playable: (path: string) => boolean = () => true) {
    this.#sounds = sounds;
    this.#music = music;
    this.#playable = playable;
  }

  /**
   * The source in the form the media threads know: an absolute file name, `tone_stream://`, `silence_stream://`, `file_string://a!b`, `music://FILE`.
   * `{…}` parameters in front are dropped. A file that may not be played is not found. `rate` chooses between folders like `ivr/8000/x.wav` and `ivr/48000/x.wav` when the name has no folder of a rate.
   */
  resolve(file: string, rate: number): string {
    const plain = file.replace(/^(\{[^}]*\})+/, "");
    if (/^(tone_stream|silence_stream):\/\//i.test(plain)) return plain;
    const parts = /^file_string:\/\/(.*)$/is.exec(plain);
    if (parts)
      return `file_string://${(parts[1] ?? "")
        .split("!")
        .map((part) => this.resolve(part, rate))
        .join("!")}`;
    const stream = /^local_stream:\/\/(.*)$/is.exec(plain);
    if (stream) return this.#stream(stream[1] ?? "", rate);
    const path = isAbsolute(plain) ? plain : this.#relative(plain, rate);
    // the empty name is nobody's: it is not found
    return this.#playable(path) ? path : "";
  }

  /** Music for conferences whose members wait; undefined when none is installed. */
  music(): string | undefined {
    const source = this.#stream("moh", 16000);
    return source.startsWith("music://") ? source : undefined;
  }

  #relative(file: string, rate: number): string {
    const direct = join(this.#sounds, file);
    if (existsSync(direct)) return direct;
    const slash = file.lastIndexOf("/");
    const rates = [rate, 16000, 8000, 48000, 32000];
    for (const folder of rates) {
      const candidate = join(this.#sounds, file.slice(0, slash + 1), String(folder), file.slice(slash + 1));
      if (existsSync(candidate)) return candidate;
    }
    return direct;
  }

  // "moh" is FreeSWITCH's music on hold; a folder with one file a rate, or one file.
  #stream(name: string, rate: number): string {
    const stem = name.split("/")[0] || "moh";
    for (const file of [`${stem}.wav`, `${stem}/${rate}.wav`, `${stem}/16000.wav`, `${stem}/8000.wav`]) {
      const candidate = join(this.#music, file);
      if (existsSync(candidate)) return `music://${candidate}`;
    }
    // No music installed: a soft tone every few seconds tells that the line is alive.
    return "tone_stream://v=-24;%(300,200,523);%(300,4200,659);loops=-1";
  }

  /**
   * The files that say something: `digits/N.wav` for each digit under the language's folder (`en/digits/7.wav`). What has no file is left out. Numbers are
   * said digit by digit: whole-number grammar is the IVR's business, with prompts of its own.
   */
  say(language: string, _type: string, _method: string, text: string): string[] {
    const files: string[] = [];
    for (const char of text.toLowerCase()) {
      const name = /[0-9]/.test(char)
        ? `digits/${char}.wav`
        : char === "*"
          ? "digits/star.wav"
          : char === "#"
            ? "digits/pound.wav"
            : /[a-z]/.test(char)
              ? `ascii/${char.charCodeAt(0)}.wav`
              : undefined;
      if (name === undefined) continue;
      const file = join(this.#sounds, language, name);
      if (existsSync(file)) files.push(file);
    }
    return files;
  }
}
