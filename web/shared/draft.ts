import { useEffect, useState } from "preact/hooks";

/** What is typed of a form's members and not asked yet. */
export type Draft<Member extends string> = Readonly<Partial<Record<Member, string>>>;

/**
 * The draft of what the address asks, and how to change a member of it. Another address, such as that of a link or of going
 * back, is a new draft; the fields stay, and who types in one with them.
 */
export function useDraft<Member extends string>(
  asked: Draft<Member>,
): readonly [Draft<Member>, (member: Member, value: string) => void] {
  const [draft, setDraft] = useState(asked);
  useEffect(() => setDraft(asked), [JSON.stringify(asked)]);
  return [draft, (member, value) => setDraft({ ...draft, [member]: value })];
}
