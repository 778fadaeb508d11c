export * from "./crypto.ts";
export * from "./parse.ts";
export * from "./types.ts";
export * from "./write.ts";
