import { linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { shownPcs } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { useFleet } from "../fleet.ts";
import { useGroups } from "../groups.ts";
import { EffectiveConfig } from "./effective.tsx";
import { layerParts, layerWords } from "./fields.ts";
import { useLayer } from "./layer.ts";
import { LayerForm } from "./layer_form.tsx";

/** One layer: what it sets, to be changed by who may. */
export function LayerPage({ layer }: { readonly layer: string }) {
  const stored = useLayer(layer);
  const reach = useReach(layer);
  const [kind, name = ""] = layerParts(layer);
  return (
    <>
      <PageHead
        title={`Config for ${layerWords(layer)}`}
        crumbs={<a href="#/config">Config</a>}
      >
        {kind === "pcs" && <a class="button" href={linkTo(["agents", name])}>The PC</a>}
        {kind === "groups" && (
          <a class="button" href={linkTo(["agents"], { group: name })}>Its members</a>
        )}
      </PageHead>
      <Loadable query={stored}>
        {(value) => (
          <LayerForm
            layer={layer}
            stored={value}
            reach={reach}
            readOnly={!may("operator")}
          />
        )}
      </Loadable>
      {kind === "pcs" && (
        <section class="card" aria-label="What it goes by">
          <div class="card-head">
            <h2>What it goes by, all layers together</h2>
          </div>
          <EffectiveConfig pcId={name} />
        </section>
      )}
    </>
  );
}

/** Whom a layer reaches, in words: `10,000 PCs`. */
function useReach(layer: string): string {
  const [kind, name] = layerParts(layer);
  const known = useFleet().data?.agents.known;
  const groups = useGroups().data;
  if (kind === "pcs") return shownPcs(1);
  const count = kind === "groups"
    ? groups && (groups.find(({ group }) => group === name)?.member_count ?? 0)
    : known;
  if (count === undefined) return layerWords(layer);
  return shownPcs(count);
}
