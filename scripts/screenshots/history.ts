import { PCS, type World } from "./world.ts";

/** What the pictures show. */
export interface History {
  readonly running: string;
  readonly ended: string;
}

interface Dispatched {
  readonly exec_id: string;
}

/** Has the company do what it does on a morning. Ends while the last of it is still under way. */
export async function history(world: World): Promise<History> {
  const fire = async (job: string, pcs: readonly string[]) =>
    (await world.call<Dispatched>("POST", `/api/exec/${job}`, { target: { pcs } })).exec_id;
  const beginning = (...names: readonly string[]) =>
    PCS.filter((pcId) => names.some((name) => pcId.startsWith(name)));

  await world.ended(await fire("inventory-basics", PCS));
  await world.ended(await fire("patch-check", beginning("office", "warehouse")));
  await world.ended(await fire("restart-spooler", ["office-03"]));
  const ended = await fire("clean-temp", PCS);
  await world.ended(ended);
  await world.call("POST", "/api/run", {
    pc_id: "warehouse-02",
    shell: "sh",
    script: "uptime",
  });
  const running = await fire("update-till", beginning("till", "kiosk"));
  return { running, ended };
}
