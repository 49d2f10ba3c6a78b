import type { CellAnswer } from "../../wire/http.ts";
import { PCS, until, type World } from "./world.ts";

/** The share of runs that have ended when the pictures are taken. */
const MOSTLY = 0.5;

/** What the pictures show. */
export interface History {
  readonly running: string;
  readonly ended: string;
  /** A run in flight that has much to say. */
  readonly run: string;
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

  await furnish(world, beginning);
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
  return { running, ended, run: await talkative(world, running) };
}

/** Groups, a schedule, and one message that cannot be read. */
async function furnish(
  world: World,
  beginning: (...names: readonly string[]) => readonly string[],
): Promise<void> {
  for (const [group, name] of [["tills", "till"], ["kiosks", "kiosk"], ["offices", "office"]]) {
    for (const pcId of beginning(name ?? "")) {
      await world.call("PUT", `/api/agents/${pcId}/groups`, { groups: [group] });
    }
  }
  await world.call("POST", "/api/schedules", {
    id: "nightly-clean",
    job_id: "clean-temp",
    target: { all: true },
    when: { calendar: { at: "02:30", days: ["mon-fri"] } },
  });
  await world.call("POST", "/api/schedules", {
    id: "weekly-inventory",
    job_id: "inventory-basics",
    target: { groups: ["offices", "tills"] },
    when: { per_pc: { every: "7d" } },
    enabled: false,
  });
  await world.publish(
    "results.6f0d2c1e",
    '{"result_id": "6f0d2c1e", "pc_id": "office-14", "exit_code": ',
  );
}

/** A run that is still in flight when the others have ended. */
async function talkative(world: World, execId: string): Promise<string> {
  let run = "";
  await until("a run that goes on", async () => {
    const cells = await world.call<readonly CellAnswer[]>(
      "GET",
      `/api/executions/${execId}/targets`,
    );
    const running = cells.filter(({ state }) => state === "running");
    run = running.at(-1)?.result_id ?? run;
    return cells.length - running.length > cells.length * MOSTLY && run !== "";
  });
  return run;
}
