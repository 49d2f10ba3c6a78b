/** One layer of config as it is stored. */
import type { ConfigBody } from "../../../wire/http_config.ts";
import { ApiError, ask, askPage, pathOf } from "../../shared/api.ts";
import { type Loaded, refreshSoon, useQuery } from "../../shared/queries.ts";
import { layerParts } from "./fields.ts";

export interface StoredLayer {
  readonly config: ConfigBody;
  /** Of what is stored, so that nobody's change is written over. */
  readonly etag: string;
  /** Why what is stored cannot be read, or null. */
  readonly problem: string | null;
}

/** What is stored is there and cannot be read. */
const BROKEN = 409;

export function useLayer(layer: string): Loaded<StoredLayer> {
  return useQuery({
    key: ["config", "layer", layer],
    load: ({ signal }) => readLayer(layer, signal),
  });
}

/** @throws {ApiError} */
export async function readLayer(layer: string, signal?: AbortSignal): Promise<StoredLayer> {
  try {
    const { value, headers } = await askPage<ConfigBody>(pathOfLayer(layer), { signal });
    return { config: value, etag: headers.get("etag") ?? '"0"', problem: null };
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.status !== BROKEN) throw thrown;
    // It can be written over all the same.
    const { problem, revision } = thrown.problem;
    return { config: {}, etag: `"${String(revision)}"`, problem: String(problem) };
  }
}

/** @throws {ApiError} 412 when it is no longer what was read */
export async function writeLayer(layer: string, config: unknown, etag: string): Promise<void> {
  const headers = { "if-match": etag };
  await ask(pathOfLayer(layer), { method: "PUT", body: config, headers });
  refreshSoon(["config"]);
}

/** @throws {ApiError} 412 when it is no longer what was read */
export async function removeLayer(layer: string, etag: string): Promise<void> {
  await ask(pathOfLayer(layer), { method: "DELETE", headers: { "if-match": etag } });
  refreshSoon(["config"]);
}

function pathOfLayer(layer: string): string {
  return pathOf("api", "config", ...layerParts(layer));
}
