/** Finds every regular expression of a source text: literals, and `RegExp(...)` with or without `new`. */
import ts from "typescript";

/** One expression where it stands. */
export interface FoundRegExp {
  /** From 1. */
  readonly line: number;
  /** As written in the source; for a call the whole call. */
  readonly text: string;
  /** Pattern and flags; undefined where they are put together at run time. */
  readonly pattern: { readonly source: string; readonly flags: string } | undefined;
}

/** The expressions of a JavaScript or TypeScript text, in order. */
export function findRegExps(fileName: string, text: string): FoundRegExp[] {
  const file = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const found: FoundRegExp[] = [];
  const add = (node: ts.Node, pattern: FoundRegExp["pattern"]) =>
    found.push({ line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1, text: node.getText(), pattern });
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      add(node, { source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && /^(?:globalThis\.)?RegExp$/.test(node.expression.getText())) {
      const [source, flags] = node.arguments ?? [];
      const constant = source !== undefined && ts.isStringLiteralLike(source) && (flags === undefined || ts.isStringLiteralLike(flags));
      add(node, constant ? { source: source.text, flags: flags === undefined ? "" : (flags as ts.StringLiteralLike).text } : undefined);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
