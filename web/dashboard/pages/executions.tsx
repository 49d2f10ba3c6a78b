import type { PageProps } from "../page_props.ts";
import { ExecutionPage } from "./execution.tsx";
import { NowPage } from "./now.tsx";

export function ExecutionsPage({ id }: PageProps) {
  return id === undefined ? <NowPage /> : <ExecutionPage execId={id} />;
}
