// @ts-check
/**
 * Another process on the same database file: `hold <path>` keeps the write lock from the line "held" until its input
 * ends, `add <path> <times>` adds 1 to the lease "counter" so many times.
 */
import Libsql from "libsql";

const [task, path = "", times = "0"] = process.argv.slice(2);
const db = new Libsql(path, { timeout: 30_000 });

if (task === "hold") {
  db.exec("BEGIN IMMEDIATE");
  process.stdout.write("held\n");
  process.stdin.resume().once("end", () => {
    db.exec("COMMIT");
    db.close();
  });
} else {
  const add = db.prepare("UPDATE leases SET term = term + 1 WHERE name = 'counter'");
  for (let time = 0; time < Number(times); time++) add.run();
  db.close();
}
