/** The version of this agent, as heartbeats say it; a test keeps it equal to package.json. */
export const AGENT_VERSION = "0.1.0";
