import { parseDocument } from "yaml";

/** The same YAML text with another value of one member of its mapping; comments and order stay. */
export function withMember(text: string, name: string, value: string | number | boolean): string {
  const document = parseDocument(text);
  document.set(name, value);
  return document.toString({ lineWidth: 0 });
}
