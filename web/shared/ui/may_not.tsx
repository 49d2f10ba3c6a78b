import type { IconName } from "./icons.tsx";
import { Empty } from "./states.tsx";

/** Stands in place of what the viewer's role does not allow, for who comes by a link. */
export function MayNot({ icon, verb, children }: {
  readonly icon: IconName;
  /** What one may not: `run` */
  readonly verb: string;
  /** What takes another role: `Running something` */
  readonly children: string;
}) {
  return (
    <div class="card">
      <Empty icon={icon} title={`You may look, and not ${verb}`}>
        <p>{children} takes the role operator.</p>
      </Empty>
    </div>
  );
}
