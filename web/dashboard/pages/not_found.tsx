import { PageHead } from "../../shared/ui/page.tsx";
import { Empty } from "../../shared/ui/states.tsx";

export function NotFound() {
  return (
    <>
      <PageHead title="No such page" />
      <div class="card">
        <Empty title="There is nothing at this address">
          <p>
            <a href="#/">What runs now</a> is a good place to begin.
          </p>
        </Empty>
      </div>
    </>
  );
}
