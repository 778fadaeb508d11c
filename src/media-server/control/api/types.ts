/** `api` commands: text in, text out. Never rejects: a failure is an answer beginning with -ERR. */
export interface Api {
  run(command: string): Promise<string>;
}

/** One command; the text after its name. */
export type ApiCommand = (args: string) => Promise<string> | string;
