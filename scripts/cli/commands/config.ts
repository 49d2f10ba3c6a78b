import type { Command } from "commander";
import { CONFIG_FIELDS, type ConfigField } from "../../../wire/config.ts";
import { Fault } from "../../../wire/fault.ts";
import { AgentConfigAnswer, ConfigBody, ConfigLayerAnswer } from "../../../wire/http_config.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { showOne, showRows } from "../list.ts";
import { type Column, renderFacts, renderTable } from "../table.ts";

/** The layer that is meant; neither = the one for every PC. */
interface LayerOptions extends CommonOptions {
  readonly group?: string;
  readonly pc?: string;
}

type FieldRow = readonly [
  name: string,
  field: { readonly value: string | number | null; readonly from: string },
];

const FIELD_COLUMNS: readonly Column<FieldRow>[] = [
  { heading: "field", text: ([name]) => name },
  { heading: "value", text: ([, { value }]) => value },
  { heading: "from", text: ([, { from }]) => from },
];

const LAYER_COLUMNS: readonly Column<ConfigLayerAnswer>[] = [
  { heading: "layer", text: ({ layer }) => layer },
  { heading: "sets", text: ({ config, problem }) => problem ?? assignmentsOf(config) },
];

/** What agents are told to do, in layers: for every PC, for a group, for one PC. */
export function addConfig(program: Command, session: Session): void {
  const config = program.command("config").description("what agents are told to do, in layers");

  addCommand(config, "list", "every layer that sets something").action(
    (options: CommonOptions) =>
      showRows(session, options, {
        row: ConfigLayerAnswer,
        path: "/api/config",
        columns: LAYER_COLUMNS,
      }),
  );

  addLayerCommand(config, "get", "what a layer sets").action((options: LayerOptions) =>
    showOne(session, options, { schema: ConfigBody, path: pathOf(options) }, layerText)
  );

  addLayerCommand(config, "set <field=value...>", "set fields of a layer").action(
    async (assignments: readonly string[], options: LayerOptions) => {
      const fields = Object.fromEntries(assignments.map(assignmentOf));
      const client = await connect(session, options);
      const changed = await client.change(
        ConfigBody,
        pathOf(options),
        (present) => ({ ...present, ...fields }),
      );
      show(session, options, changed, layerText);
    },
  );

  addLayerCommand(config, "unset [field...]", "have a layer set fields no longer; without any: all")
    .action(async (names: readonly string[], options: LayerOptions) => {
      const fields = names.map(fieldOf);
      const client = await connect(session, options);
      if (fields.length === 0) await client.delete(pathOf(options));
      const changed = fields.length === 0 ? {} : await client.change(
        ConfigBody,
        pathOf(options),
        (present) => ({ ...present, ...Object.fromEntries(fields.map((field) => [field, null])) }),
      );
      show(session, options, changed, layerText);
    });

  addCommand(config, "show <pc>", "what a PC goes by, and which layer each field comes from")
    .action(async (pcId: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const path = `/api/agents/${encodeURIComponent(pcId)}/config`;
      const answer = await client.get(AgentConfigAnswer, path);
      show(
        session,
        options,
        answer,
        ({ fields }) => renderTable(FIELD_COLUMNS, Object.entries(fields)),
      );
      for (const { layer, problem } of answer.problems) {
        session.terminal.err(`${layer} cannot be read: ${problem}\n`);
      }
    });
}

function addLayerCommand(parent: Command, usage: string, description: string): Command {
  return addCommand(parent, usage, description)
    .option("--group <group>", "of the layer for a group, in place of the one for every PC")
    .option("--pc <pc>", "of the layer for one PC");
}

function pathOf({ group, pc }: LayerOptions): string {
  if (group !== undefined && pc !== undefined) {
    throw new Fault("invalid_input", "Cannot choose the layer: give --group or --pc, not both");
  }
  if (group !== undefined) return `/api/config/groups/${encodeURIComponent(group)}`;
  return pc === undefined ? "/api/config/global" : `/api/config/pcs/${encodeURIComponent(pc)}`;
}

/** A number where the field is one and it reads as such; what else it must be, the backend knows. */
function assignmentOf(assignment: string): readonly [ConfigField, string | number] {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(assignment) ?? [];
  if (name === undefined || value === undefined) {
    throw new Fault("invalid_input", `Cannot read "${assignment}": it is not field=value`);
  }
  const field = fieldOf(name);
  const isNumber = field === "max_local_concurrent" && /^-?\d+$/.test(value);
  return [field, isNumber ? Number(value) : value];
}

function fieldOf(name: string): ConfigField {
  const field = CONFIG_FIELDS.find((each) => each === name);
  if (field !== undefined) return field;
  throw new Fault(
    "invalid_input",
    `Cannot use the field "${name}": there is ${CONFIG_FIELDS.join(", ")}`,
  );
}

/** `heartbeat_interval=10s target_version=1.2` */
function assignmentsOf(scope: ConfigBody): string {
  return Object.entries(scope).map(([name, value]) => `${name}=${value}`).join(" ");
}

function layerText(scope: ConfigBody): string {
  const fields = Object.entries(scope);
  return fields.length === 0
    ? "nothing is set\n"
    : renderFacts(fields.map(([name, value]) => [name, value ?? null]));
}
