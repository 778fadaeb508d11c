/** Languages the prompts are spoken in. The meetings' room has the same type; this room imports none. */
export type Language = "en" | "de";
